from __future__ import annotations

from builder.layers.linear import Linear
from builder.shapes import TensorType


def test_lenets_last_layer() -> None:
    inferred = Linear(out_features=10).infer(TensorType((84,)))
    assert inferred.parameters == {"weight": (10, 84), "bias": (10,)}
    assert inferred.multiply_adds == 840
    assert inferred.how == "84·10 + 10 = 850"
    assert inferred.sizes == {"in_features": 84}


def test_without_bias() -> None:
    inferred = Linear(out_features=3, bias=False).infer(TensorType((5,)))
    assert inferred.parameters == {"weight": (3, 5)}
    assert inferred.how == "5·3 = 15"


def test_it_works_along_the_last_axis_at_every_position() -> None:
    inferred = Linear(out_features=4).infer(TensorType((7, 6)))
    assert inferred.output == TensorType((7, 4))
    assert inferred.multiply_adds == 7 * 6 * 4
    assert inferred.parameters["weight"] == (4, 6)


def test_a_layer_of_a_trillion_weights_allocates_nothing() -> None:
    inferred = Linear(out_features=10**6, bias=False).infer(TensorType((10**6,)))
    assert inferred.multiply_adds == 10**12

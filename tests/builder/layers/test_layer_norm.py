from __future__ import annotations

from builder.layers.layer_norm import LayerNorm
from builder.shapes import TensorType


def test_the_last_axis_is_inferred() -> None:
    inferred = LayerNorm().infer(TensorType(("T", 6)))
    assert inferred.parameters == {"weight": (6,), "bias": (6,)}
    assert inferred.how == "2·6 = 12"
    assert inferred.sizes == {"normalized_shape": 6}


def test_several_axes() -> None:
    inferred = LayerNorm(normalized_shape=(5, 6), bias=False).infer(TensorType((4, 5, 6)))
    assert inferred.parameters == {"weight": (5, 6)}
    assert inferred.how == "1·5·6 = 30"

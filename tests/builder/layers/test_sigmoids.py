from __future__ import annotations

import math

import pytest
import torch

from builder.errors import Cause
from builder.layers.layer import Layer
from builder.layers.sigmoids import Hardsigmoid, Hardtanh, Sigmoid, Softsign, Tanh


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (Sigmoid(), 1, 1 / (1 + math.exp(-1))),
        (Tanh(), 1, math.tanh(1)),
        (Softsign(), -3, -0.75),
        (Hardtanh(min_val=-2, max_val=3), 5, 3),
        (Hardsigmoid(), 1, 4 / 6),
    ],
    ids=repr,
)
def test_values_by_hand(layer: Layer, x: float, y: float) -> None:
    found = layer.build({})(torch.tensor([[x]], dtype=torch.float32))
    assert found.item() == pytest.approx(y, rel=1e-6)


@pytest.mark.parametrize(("fields", "field"), [({"min_val": 2}, "min_val"), ({"max_val": -1}, "max_val")])
def test_hardtanh_blames_the_bound_that_was_written(fields: dict[str, float], field: str) -> None:
    with pytest.raises(Cause) as caught:
        Hardtanh.model_validate(fields)
    assert caught.value.field == field

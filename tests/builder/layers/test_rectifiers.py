from __future__ import annotations

import pytest
import torch

from builder.layers.layer import Layer
from builder.layers.rectifiers import LeakyReLU, PReLU, ReLU
from builder.shapes import TensorType


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (ReLU(), -2, 0),
        (LeakyReLU(negative_slope=0.2), -2, -0.4),
        (PReLU(init=0.1), -2, -0.2),
    ],
    ids=repr,
)
def test_values_by_hand(layer: Layer, x: float, y: float) -> None:
    found = layer.build({})(torch.tensor([[x]], dtype=torch.float32))
    assert found.item() == pytest.approx(y, rel=1e-6)


def test_prelu_learns_one_slope_or_one_for_each_channel() -> None:
    image = TensorType((16, 8, 8))
    assert PReLU().infer(image).parameters == {"weight": (1,)}
    assert PReLU(num_parameters=16).infer(image).parameters == {"weight": (16,)}

from __future__ import annotations

import torch

from builder.layers.tile import Tile
from builder.shapes import TensorType


def test_every_place_is_the_same() -> None:
    layer = Tile(size=(2, 3))
    assert layer.infer(TensorType((4,))).output == TensorType((4, 2, 3))
    x = torch.randn(5, 4)
    y = layer.build({})(x)
    assert y.shape == (5, 4, 2, 3)
    assert all(torch.equal(y[:, :, i, j], x) for i in range(2) for j in range(3))


def test_one_number_is_a_square() -> None:
    assert Tile(size=6).infer(TensorType((4,))).output == TensorType((4, 6, 6))

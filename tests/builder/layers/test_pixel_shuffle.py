from __future__ import annotations

import torch

from builder.layers.pixel_shuffle import PixelShuffle
from builder.shapes import TensorType


def test_channels_become_pixels() -> None:
    inferred = PixelShuffle(upscale_factor=2).infer(TensorType((8, 3, 4)))
    assert inferred.output == TensorType((2, 6, 8))
    assert inferred.how == "8/(2·2) = 2, 2·3 = 6, 2·4 = 8"


def test_each_pixel_comes_from_where_the_formula_says() -> None:
    x = torch.arange(8 * 3 * 4).reshape(1, 8, 3, 4)
    y = PixelShuffle(upscale_factor=2).build({})(x)
    for c, i, j, a, b in [(0, 0, 0, 0, 1), (1, 2, 3, 1, 0), (1, 1, 2, 1, 1)]:
        assert y[0, c, 2 * i + a, 2 * j + b] == x[0, 4 * c + 2 * a + b, i, j]

from __future__ import annotations

import torch

from builder.layers.padding import ReflectionPad2d, ZeroPad2d
from builder.shapes import TensorType


def test_four_sides_stand_in_torchs_order() -> None:
    inferred = ZeroPad2d(padding=(1, 0, 2, 3)).infer(TensorType((2, 3, 4)))
    assert inferred.output == TensorType((2, 8, 5))
    assert inferred.how == "3 + 2 + 3 = 8, 4 + 1 + 0 = 5"


def test_the_border_is_zero_or_a_mirror() -> None:
    x = torch.arange(1.0, 7.0).reshape(1, 1, 2, 3)
    zeros, mirror = (cls(padding=(0, 1, 0, 0)).build({})(x)[0, 0] for cls in (ZeroPad2d, ReflectionPad2d))
    assert zeros.tolist() == [[1, 2, 3, 0], [4, 5, 6, 0]]
    assert mirror.tolist() == [[1, 2, 3, 2], [4, 5, 6, 5]]

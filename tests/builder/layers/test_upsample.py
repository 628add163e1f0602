from __future__ import annotations

import pytest
import torch
from torch import nn

from builder.layers.upsample import Upsample
from builder.shapes import TensorType


def test_an_image_doubles() -> None:
    inferred = Upsample(scale_factor=2).infer(TensorType((3, 4, 5)))
    assert inferred.output == TensorType((3, 8, 10))
    assert inferred.how == "⌊4·2⌋ = 8, ⌊5·2⌋ = 10"
    assert inferred.parameters == {}


@pytest.mark.parametrize("factor", [0.3, 0.7, 1.1, 1.5, 2.9, 3.0, 10 / 3])
def test_sizes_are_torchs(factor: float) -> None:
    for size in (4, 7, 10, 33):
        found = Upsample(scale_factor=factor).infer(TensorType((1, size, size))).output.shape
        assert found == nn.Upsample(scale_factor=factor)(torch.zeros(1, 1, size, size)).shape[1:]


def test_an_even_size_by_two_repeats_each_pixel() -> None:
    x = torch.randn(2, 3, 4, 4)
    y = Upsample(scale_factor=2).build({})(x)
    assert torch.equal(y, x.repeat_interleave(2, 2).repeat_interleave(2, 3))

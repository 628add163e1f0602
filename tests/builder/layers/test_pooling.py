from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from builder.errors import Cause
from builder.layers.pooling import AvgPool2d, MaxPool2d
from builder.shapes import TensorType


def test_average_pooling_shows_no_dilation() -> None:
    inferred = AvgPool2d(kernel_size=2).infer(TensorType((6, 28, 28)))
    assert inferred.output == TensorType((6, 14, 14))
    assert inferred.how == "⌊(28 + 2·0 − 2)/2⌋ + 1 = 14"
    assert inferred.multiply_adds == 0
    assert inferred.parameters == {}


def test_maximum_pooling_shows_its_dilation() -> None:
    inferred = MaxPool2d(kernel_size=3, stride=2, padding=1).infer(TensorType((64, 112, 112)))
    assert inferred.output == TensorType((64, 56, 56))
    assert inferred.how == "⌊(112 + 2·1 − 1·(3 − 1) − 1)/2⌋ + 1 = 56"


def test_a_last_window_outside_the_input_is_taken_back() -> None:
    inferred = AvgPool2d(kernel_size=2, stride=3, padding=1, ceil_mode=True).infer(TensorType((1, 5, 5)))
    assert inferred.output == TensorType((1, 2, 2))
    assert inferred.how == "⌈(5 + 2·1 − 2)/3⌉ + 1 − 1 = 2"


def test_with_ceil_mode_a_window_may_be_larger_than_the_input() -> None:
    assert MaxPool2d(kernel_size=2, ceil_mode=True).infer(TensorType((1, 1, 1))).output.shape == (1, 1, 1)


def _torchs(module: nn.Module, size: int) -> int | None:
    try:
        return int(module(torch.zeros(1, 1, size, size)).shape[-1])
    except RuntimeError:
        return None


def _ours(layer: MaxPool2d | AvgPool2d, size: int) -> int | None:
    try:
        return layer.infer(TensorType((1, size, size))).output.shape[-1]
    except Cause:
        return None


CASES = list(product((1, 2, 4, 5, 8), (1, 2, 3, 5), (None, 1, 2, 3), (0, 1, 2, 3), (False, True)))


def test_what_fits_average_pooling_is_what_torch_takes() -> None:
    for size, kernel, stride, padding, ceil in CASES:
        fields = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
        ours = _ours(AvgPool2d.model_validate(fields), size)
        assert ours == _torchs(nn.AvgPool2d(**fields), size), (size, fields)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_what_fits_maximum_pooling_is_what_torch_takes(dilation: int) -> None:
    for size, kernel, stride, padding, ceil in CASES:
        fields = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
        fields["dilation"] = dilation
        ours = _ours(MaxPool2d.model_validate(fields), size)
        assert ours == _torchs(nn.MaxPool2d(**fields), size), (size, fields)

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from builder.errors import Cause
from builder.layers.conv2d import Conv2d
from builder.shapes import TensorType


def test_lenets_first_layer() -> None:
    inferred = Conv2d(out_channels=6, kernel_size=5, padding=2).infer(TensorType((1, 28, 28)))
    assert inferred.output == TensorType((6, 28, 28))
    assert inferred.parameters == {"weight": (6, 1, 5, 5), "bias": (6,)}
    assert inferred.multiply_adds == 6 * 25 * 28 * 28
    assert inferred.how == "⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28;  6·(1·5·5) + 6 = 156"


def test_both_axes_are_shown_where_they_differ() -> None:
    inferred = Conv2d(out_channels=2, kernel_size=(3, 1), bias=False).infer(TensorType((4, 9, 7)))
    assert inferred.how == (
        "⌊(9 + 2·0 − 1·(3 − 1) − 1)/1⌋ + 1 = 7, ⌊(7 + 2·0 − 1·(1 − 1) − 1)/1⌋ + 1 = 7;  2·(4·3·1) = 24"
    )


def test_groups_share_the_channels_out() -> None:
    inferred = Conv2d(out_channels=8, kernel_size=3, groups=4).infer(TensorType((4, 5, 5)))
    assert inferred.parameters["weight"] == (8, 1, 3, 3)
    assert inferred.how.endswith("8·(1·3·3) + 8 = 80")
    with pytest.raises(Cause) as caught:
        Conv2d(out_channels=6, kernel_size=3, groups=4).infer(TensorType((4, 5, 5)))
    assert caught.value.problem == "`groups` is 4, which does not divide `out_channels` 6"


def test_same_keeps_the_size() -> None:
    inferred = Conv2d(out_channels=1, kernel_size=(4, 3), padding="same").infer(TensorType((1, 6, 5)))
    assert inferred.output == TensorType((1, 6, 5))
    assert inferred.how.startswith("same = 6, same = 5;")


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_what_fits_is_what_torch_takes(mode: str) -> None:
    """Every small case: an output of torch's size, or refused by both."""
    for size, kernel, stride, dilation in product((1, 2, 5), (1, 2, 3, 4), (1, 2), (1, 2)):
        for padding in (0, 1, 2, 3, "same", "valid"):
            fields = {
                "out_channels": 1,
                "kernel_size": kernel,
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "padding_mode": mode,
            }
            theirs: tuple[int, ...] | None
            try:
                theirs = tuple(nn.Conv2d(1, **fields)(torch.zeros(1, 1, size, size)).shape[1:])
            except (RuntimeError, ValueError):
                theirs = None
            ours: tuple[int, ...] | None
            try:
                ours = Conv2d.model_validate(fields).infer(TensorType((1, size, size))).output.shape
            except Cause:
                ours = None
            assert ours == theirs, (size, fields)

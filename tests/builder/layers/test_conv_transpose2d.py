from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from builder.errors import Cause
from builder.layers.conv2d import Conv2d
from builder.layers.conv_transpose2d import ConvTranspose2d
from builder.shapes import TensorType


def test_an_image_doubles() -> None:
    layer = ConvTranspose2d(out_channels=6, kernel_size=4, stride=2, padding=1)
    inferred = layer.infer(TensorType((3, 7, 7)))
    assert inferred.output == TensorType((6, 14, 14))
    assert inferred.parameters == {"weight": (3, 6, 4, 4), "bias": (6,)}
    assert inferred.multiply_adds == 3 * 6 * 16 * 7 * 7
    assert inferred.how == "(7 − 1)·2 − 2·1 + 1·(4 − 1) + 0 + 1 = 14;  3·(6·4·4) + 6 = 294"


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [*product((1, 3), (1, 2), (0, 1), (1, 2))]
)
def test_it_goes_back_to_each_size_that_a_convolution_came_from(
    kernel: int, stride: int, padding: int, dilation: int
) -> None:
    fields = {"out_channels": 1, "kernel_size": kernel, "stride": stride, "padding": padding}
    fields["dilation"] = dilation
    for size in (7, 8):
        smaller = Conv2d.model_validate(fields).infer(TensorType((1, size, size))).output
        sizes = set()
        for more in range(max(stride, dilation)):
            layer = ConvTranspose2d.model_validate({**fields, "output_padding": more})
            found = layer.infer(smaller).output.shape
            theirs = nn.ConvTranspose2d(1, 1, kernel, stride, padding, more, dilation=dilation)
            assert found == theirs(torch.zeros(1, *smaller.sized(1))).shape[1:]
            sizes.add(found[1])
        assert size in sizes


def test_torch_refuses_the_same_output_padding() -> None:
    x = torch.zeros(1, 1, 3, 3)
    for more in range(4):
        layer = ConvTranspose2d(out_channels=1, kernel_size=3, stride=2, dilation=3, output_padding=more)
        if more < 3:
            assert nn.ConvTranspose2d(1, 1, 3, 2, 0, more, dilation=3)(x).shape[1:] == (
                layer.infer(TensorType((1, 3, 3))).output.shape
            )
            continue
        with pytest.raises(RuntimeError):
            nn.ConvTranspose2d(1, 1, 3, 2, 0, more, dilation=3)(x)
        with pytest.raises(Cause, match="`output_padding` is 3, and must be smaller than the stride"):
            layer.infer(TensorType((1, 3, 3)))

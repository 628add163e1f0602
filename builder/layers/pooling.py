"""MaxPool2d and AvgPool2d: one value for each window of an image.

Source: torch.nn.MaxPool2d, torch.nn.AvgPool2d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Flag, NaturalOrPair, OneOrPair, pair
from builder.layers.layer import REFUSED, Layer
from builder.shapes import Inferred, TensorType, both_axes, expect_rank, window

if TYPE_CHECKING:
    from torch import nn


@final
class MaxPool2d(Layer):
    """The largest value in each window, channel by channel; padding is −∞ and never wins.

    Input N×C×H×W, output N×C×H'×W' with
    H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1.
    `stride` left out is `kernel_size`. With `ceil_mode` it is ⌈…⌉, less a last window that would start
    outside the input. It has no multiply-adds: it only compares.
    Source: torch.nn.MaxPool2d.
    """

    main = "kernel_size"
    snake = "max_pool2d"
    refused = REFUSED | {
        "return_indices": "A layer gives one output here: the pooled values.",
    }
    accepts = (
        Accepted("2", on=((3, 8, 9),)),
        Accepted("{kernel_size: 3, stride: 2, padding: 1}", on=((2, 9, 12),)),
        Accepted("{kernel_size: [2, 3], stride: [1, 2], dilation: [2, 1]}", on=((2, 7, 8),)),
        Accepted("{kernel_size: 3, dilation: 2, padding: 1, ceil_mode: true}", on=((2, 10, 11),)),
        Accepted("{kernel_size: 2, stride: 3, padding: 1, ceil_mode: true}", on=((1, 5, 5),)),
        Accepted("{kernel_size: 2, ceil_mode: true}", on=((1, 1, 7),)),
    )
    rejects = (
        Rejected("{}", "`MaxPool2d` needs `kernel_size`"),
        Rejected("[2]", "expected a whole number of at least 1, or two of them, found the list [2]"),
        Rejected("{kernel_size: 2, return_indices: true}", "`MaxPool2d` does not take `return_indices` here"),
        Rejected(
            "{kernel_size: 3, padding: 2}",
            "`padding` is 2, more than half of `kernel_size` 3",
            on=((1, 9, 9),),
        ),
        Rejected("4", "the window of 4 is larger than the input of 3", on=((1, 3, 9),)),
        Rejected("2", "`MaxPool2d` needs an input of 3 axes (C, H, W), and N×400 arrives", on=((400,),)),
    )

    kernel_size: OneOrPair
    stride: OneOrPair | None = None
    padding: NaturalOrPair = 0
    dilation: OneOrPair = 1
    ceil_mode: Flag = False

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×C×H'×W'. Raises ``Cause`` for a window without room, or padding above its half."""
        (x,) = arrives
        return _windows(x, self, pair(self.dilation))

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.MaxPool2d``; a ``stride`` of None is ``kernel_size`` there too."""
        from torch import nn

        return nn.MaxPool2d(**self.arguments(sizes))


@final
class AvgPool2d(Layer):
    """The mean of each window, channel by channel.

    Input N×C×H×W, output N×C×H'×W' with H' = ⌊(H + 2·padding − kernel_size)/stride⌋ + 1.
    `stride` left out is `kernel_size`. With `ceil_mode` it is ⌈…⌉, less a last window that would start
    outside the input. Zeros of the padding count in the mean unless `count_include_pad` is false.
    It has no weights, and its sums are not counted as multiply-adds.
    Source: torch.nn.AvgPool2d; LeCun et al. (1998) for subsampling.
    """

    main = "kernel_size"
    snake = "avg_pool2d"
    refused = REFUSED | {
        "divisor_override": "PyTorch's ONNX export drops it in silence, and the values come out wrong.",
    }
    accepts = (
        Accepted("2", on=((6, 28, 28),)),
        Accepted("{kernel_size: [3, 2], stride: [2, 1]}", on=((2, 8, 7),)),
        Accepted("{kernel_size: 3, stride: 2, padding: 1}", on=((2, 8, 8),)),
        Accepted("{kernel_size: 3, padding: 1, count_include_pad: false}", on=((2, 9, 9),)),
        Accepted("{kernel_size: 3, stride: 2, padding: 1, ceil_mode: true}", on=((2, 8, 8),)),
        Accepted("{kernel_size: 2, stride: 3, padding: 1, ceil_mode: true}", on=((1, 5, 5),)),
    )
    rejects = (
        Rejected("{stride: 2}", "`AvgPool2d` needs `kernel_size`"),
        Rejected(
            "{kernel_size: 2, divisor_override: 1}", "`AvgPool2d` does not take `divisor_override` here"
        ),
        Rejected("{kernel_size: 2, dilation: 2}", "`AvgPool2d` has no field `dilation`"),
        Rejected(
            "{kernel_size: [4, 3], padding: 2}",
            "`padding` is 2, more than half of `kernel_size` 3",
            on=((1, 9, 9),),
        ),
        Rejected("5", "the window of 5 is larger than the input of 4", on=((16, 4, 4),)),
    )

    kernel_size: OneOrPair
    stride: OneOrPair | None = None
    padding: NaturalOrPair = 0
    ceil_mode: Flag = False
    count_include_pad: Flag = True

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×C×H'×W'. Raises ``Cause`` for a window without room, or padding above its half."""
        (x,) = arrives
        return _windows(x, self)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.AvgPool2d``; a ``stride`` of None is ``kernel_size`` there too."""
        from torch import nn

        return nn.AvgPool2d(**self.arguments(sizes))


def _windows(x: TensorType, pool: MaxPool2d | AvgPool2d, dilation: tuple[int, int] | None = None) -> Inferred:
    channels, *size = expect_rank(x, type(pool).__name__, "C, H, W")
    kernel, padding = pair(pool.kernel_size), pair(pool.padding)
    stride = kernel if pool.stride is None else pair(pool.stride)
    for k, p in zip(kernel, padding, strict=True):
        if p > k // 2:
            raise Cause(
                f"`padding` is {p}, more than half of `kernel_size` {k}",
                "Some windows would see nothing but padding.",
                field="padding",
            )
    height, width = (
        window(
            size[i],
            kernel[i],
            stride[i],
            padding[i],
            dilation[i] if dilation else 1,
            ceil=pool.ceil_mode,
            dilated=dilation is not None,
        )
        for i in (0, 1)
    )
    return Inferred(TensorType((channels, height.value, width.value)), how=both_axes(height, width))

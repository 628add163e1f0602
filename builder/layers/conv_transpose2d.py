"""ConvTranspose2d: y[o] = b[o] + Σ_i Σ_p x[i, p] · W[i, o] placed at stride·p: a convolution's gradient, forwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag, NaturalOrPair, OneOrPair, pair
from builder.layers.layer import REFUSED, Layer
from builder.layers.shared.convolution import over_image
from builder.shapes import Inferred, Sum, TensorType

if TYPE_CHECKING:
    from torch import nn


@final
class ConvTranspose2d(Layer):
    """A convolution run backwards: every input value places its learned kernel, `stride` apart, and they add up.

    Input N×C×H×W, output N×out_channels×H'×W' with
    H' = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1. With kernel_size 4,
    stride 2 and padding 1 an image doubles. A stride above 1 lets several sizes go to one in a convolution:
    `output_padding` says which of them comes back.
    Source: torch.nn.ConvTranspose2d; Dumoulin & Visin, "A guide to convolution arithmetic" (2016), section 4.
    """

    snake = "conv_transpose2d"
    weight_axis = 1
    refused = REFUSED | {
        "output_size": "Say it with `output_padding`, which adds to one side of what the other fields give.",
    }
    accepts = (
        Accepted("{out_channels: 6, kernel_size: 4, stride: 2, padding: 1}", on=((3, 7, 7),)),
        Accepted("{out_channels: 2, kernel_size: [3, 5], stride: [2, 1], bias: false}", on=((4, 4, 3),)),
        Accepted(
            "{out_channels: 4, kernel_size: 3, stride: 2, output_padding: 1, groups: 2}", on=((6, 3, 4),)
        ),
        Accepted(
            "{out_channels: 2, kernel_size: 3, stride: 3, dilation: 2, padding: [1, 2]}", on=((1, 4, 3),)
        ),
        Accepted(
            "{out_channels: 2, kernel_size: 2, stride: [3, 1], dilation: 3, output_padding: [2, 0]}",
            on=((1, 2, 2),),
        ),
        Accepted("{out_channels: 8, kernel_size: 4, in_channels: 5}", on=((5, 1, 1),)),
    )
    rejects = (
        Rejected("{out_channels: 6}", "`ConvTranspose2d` needs `kernel_size`"),
        Rejected(
            "{out_channels: 6, kernel_size: 4, output_size: 28}",
            "`ConvTranspose2d` does not take `output_size` here",
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 3, padding_mode: reflect}",
            'expected `zeros`, found the text "reflect"',
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 3, groups: 2}",
            "`groups` is 2, which does not divide the 3 channels that arrive",
            on=((3, 8, 8),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 3, stride: 2, output_padding: 2}",
            "`output_padding` is 2, and must be smaller than the stride (2) or the dilation (1)",
            on=((3, 8, 8),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 2, padding: 3}",
            "nothing is left of an axis of 4: (4 − 1)·1 − 2·3 + 1·(2 − 1) + 0 + 1 = -1",
            on=((3, 4, 4),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 2}",
            "`ConvTranspose2d` needs an input of 3 axes (C, H, W), and N×64 arrives",
            on=((64,),),
        ),
    )

    out_channels: Count
    kernel_size: OneOrPair
    stride: OneOrPair = 1
    padding: NaturalOrPair = 0
    output_padding: NaturalOrPair = 0
    groups: Count = 1
    bias: Flag = True
    dilation: OneOrPair = 1
    padding_mode: Literal["zeros"] = "zeros"
    in_channels: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×out_channels×H'×W'. Raises ``Cause`` for an ``output_padding`` of a stride or more."""
        return over_image(self, arrives[0], self._axis, transposed=True)

    def _axis(self, size: int, i: int) -> Sum:
        kernel, stride, padding, more, dilation = (
            pair(v)[i]
            for v in (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        )
        if more >= max(stride, dilation):
            raise Cause(
                f"`output_padding` is {more}, and must be smaller than the stride ({stride}) "
                f"or the dilation ({dilation})",
                field="output_padding",
            )
        value = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1
        text = f"({size} − 1)·{stride} − 2·{padding} + {dilation}·({kernel} − 1) + {more} + 1 = {value}"
        if value < 1:
            raise Cause(
                f"nothing is left of an axis of {size}: {text}", "Use less padding, or a larger kernel_size."
            )
        return Sum(value, text)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.ConvTranspose2d``; ``sizes`` gives ``in_channels``."""
        from torch import nn

        return nn.ConvTranspose2d(**self.arguments(sizes))

"""Conv2d: y[o] = b[o] + Σ_i W[o, i] ⋆ x[i]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag, NaturalOrPair, OneOrPair, pair
from builder.layers.layer import Layer
from builder.layers.shared.convolution import over_image
from builder.shapes import Inferred, Sum, TensorType, window

if TYPE_CHECKING:
    from torch import nn


@final
class Conv2d(Layer):
    """A two-dimensional convolution: every output channel sums a learned kernel over every input channel.

    Input N×C×H×W, output N×out_channels×H'×W' with
    H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1.
    Source: torch.nn.Conv2d.
    """

    snake = "conv2d"
    accepts = (
        Accepted("{out_channels: 6, kernel_size: 5, padding: 2}", on=((1, 28, 28),)),
        Accepted("{out_channels: 8, kernel_size: [3, 5], stride: [2, 1], bias: false}", on=((4, 9, 11),)),
        Accepted("{out_channels: 8, kernel_size: 3, padding: same, dilation: 2, groups: 4}", on=((4, 9, 9),)),
        Accepted("{out_channels: 2, kernel_size: 4, padding: same}", on=((3, 7, 6),)),
        Accepted("{out_channels: 2, kernel_size: 2, padding: valid, in_channels: 3}", on=((3, 7, 6),)),
        Accepted("{out_channels: 2, kernel_size: 3, padding: 1, padding_mode: reflect}", on=((2, 5, 5),)),
        Accepted("{out_channels: 2, kernel_size: 4, padding: same, padding_mode: circular}", on=((2, 4, 5),)),
        Accepted(
            "{out_channels: 2, kernel_size: 3, padding: [2, 0], padding_mode: replicate}", on=((1, 1, 5),)
        ),
    )
    rejects = (
        Rejected("{out_channels: 6}", "`Conv2d` needs `kernel_size`"),
        Rejected(
            '{out_channels: "6", kernel_size: 5}', 'expected a whole number of at least 1, found the text "6"'
        ),
        Rejected("{out_channels: 6, kernel: 5, kernel_size: 5}", "`Conv2d` has no field `kernel`"),
        Rejected(
            "{out_channels: 6, kernel_size: 5}",
            "the window of 5 is larger than the input of 4",
            on=((1, 4, 4),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 5, in_channels: 3}",
            "`in_channels` is written as 3, but 1 arrive",
            on=((1, 28, 28),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 3, groups: 4}",
            "`groups` is 4, which does not divide the 3 channels that arrive",
            on=((3, 8, 8),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 3, padding: same, stride: 2}",
            "`padding: same` keeps the size, which a stride of 2 cannot",
            on=((3, 8, 8),),
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 3, padding: full}",
            'expected `same`, `valid` or a whole number of at least 0, or two of them, found the text "full"',
        ),
        Rejected(
            "{out_channels: 6, kernel_size: 4, padding: same, padding_mode: reflect}",
            "a reflection of 2 needs an input larger than that, and 2 arrive",
            on=((3, 2, 9),),
        ),
    )

    out_channels: Count
    kernel_size: OneOrPair
    stride: OneOrPair = 1
    padding: Literal["same", "valid"] | NaturalOrPair = 0
    dilation: OneOrPair = 1
    groups: Count = 1
    bias: Flag = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"
    in_channels: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×out_channels×H'×W'. Raises ``Cause`` where a kernel finds no room."""
        return over_image(self, arrives[0], self._axis)

    def _axis(self, size: int, i: int) -> Sum:
        kernel, stride, dilation = (pair(v)[i] for v in (self.kernel_size, self.stride, self.dilation))
        if self.padding == "same":
            if stride != 1:
                raise Cause(
                    f"`padding: same` keeps the size, which a stride of {stride} cannot", field="padding"
                )
            reach = dilation * (kernel - 1)
            self._expect_room(size, reach - reach // 2)  # the larger side: torch puts the odd one last
            return Sum(size, f"same = {size}")
        padding = 0 if isinstance(self.padding, str) else pair(self.padding)[i]
        self._expect_room(size, padding)
        return window(size, kernel, stride, padding, dilation)

    def _expect_room(self, size: int, padding: int) -> None:
        if self.padding_mode == "reflect" and padding >= size:
            raise Cause(
                f"a reflection of {padding} needs an input larger than that, and {size} arrive",
                field="padding",
            )
        if self.padding_mode == "circular" and padding > size:
            raise Cause(
                f"a circular padding of {padding} is larger than the input of {size}", field="padding"
            )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Conv2d``; ``sizes`` gives ``in_channels``."""
        from torch import nn

        return nn.Conv2d(**self.arguments(sizes))

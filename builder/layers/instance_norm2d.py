"""InstanceNorm2d: y = (x − E[x])/√(Var[x] + ε), per example and channel (Ulyanov et al., 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Flag, Probability
from builder.layers.shared.channel_norm import ChannelNorm
from builder.shapes import Inferred, TensorType, expect_rank

if TYPE_CHECKING:
    from torch import nn


@final
class InstanceNorm2d(ChannelNorm):
    """Normalises each channel of each image by itself; with `affine`, scales and shifts it by learned weights.

    Input and output N×C×H×W. Mean and variance are the image's own, in evaluation too; with
    `track_running_stats` a running average over batches is kept (`momentum`: the new batch's share), and is
    used in evaluation. It is not counted in multiply-adds.
    Source: torch.nn.InstanceNorm2d; Ulyanov, Vedaldi & Lempitsky, "Instance normalization" (2016).
    """

    snake = "instance_norm2d"
    accepts = (
        Accepted("", on=((6, 4, 5),)),
        Accepted("{affine: true, eps: 1e-3, num_features: 3}", on=((3, 2, 2),)),
        Accepted("{affine: true, bias: false}", on=((3, 1, 4),)),
        Accepted("{affine: true, track_running_stats: true, momentum: 0.01}", on=((3, 2, 2),)),
    )
    rejects = (
        Rejected("{eps: 0}", "expected a real number above 0, found 0"),
        Rejected("{momentum: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("8", "`num_features` is written as 8, but 6 arrive", on=((6, 4, 4),)),
        Rejected(
            "",
            "`InstanceNorm2d` has one value of each channel to normalise, and it would always become 0",
            on=((6, 1, 1),),
        ),
        Rejected("", "`InstanceNorm2d` needs an input of 3 axes (C, H, W), and N×120 arrives", on=((120,),)),
    )

    momentum: Probability = 0.1
    affine: Flag = False
    track_running_stats: Flag = False

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W, unchanged. Raises ``Cause`` for one value a channel, whose variance is 0."""
        (x,) = arrives
        channels, height, width = expect_rank(x, "InstanceNorm2d", "C, H, W")
        if height * width == 1:
            raise Cause(
                "`InstanceNorm2d` has one value of each channel to normalise, and it would always become 0",
                "Put it where the image is larger, or leave it out.",
            )
        return self.of_channels(x, channels)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.InstanceNorm2d`` of the C channels that arrive."""
        from torch import nn

        return nn.InstanceNorm2d(**self.torch_arguments(sizes))

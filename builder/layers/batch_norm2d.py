"""BatchNorm2d: y = γ·(x − E[x])/√(Var[x] + ε) + β, per channel (Ioffe & Szegedy, 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.layers.shared.channel_norm import ChannelNorm
from builder.shapes import Inferred, TensorType, expect_rank

if TYPE_CHECKING:
    from torch import nn


@final
class BatchNorm2d(ChannelNorm):
    """Normalises each channel over the batch and the image, then scales and shifts it by learned weights.

    Input and output N×C×H×W. In training the mean and variance are the batch's, and a running average of
    them is kept (`momentum`: the new batch's share; null: the plain mean of all batches); in evaluation the
    running ones are used. They are buffers, not parameters, so C channels have 2·C parameters.
    It is not counted in multiply-adds: in evaluation it is one for each value, and merges into a
    convolution before it.
    Source: torch.nn.BatchNorm2d; Ioffe & Szegedy, "Batch normalization" (2015).
    """

    snake = "batch_norm2d"
    accepts = (
        Accepted("", on=((6, 4, 5),)),
        Accepted("{eps: 1e-3, momentum: 0.01, num_features: 3}", on=((3, 2, 2),)),
        Accepted("{momentum: null, bias: false}", on=((3, 2, 2),)),
        Accepted("{affine: false}", on=((3, 2, 2),)),
        Accepted("{track_running_stats: false}", on=((3, 4, 4),)),
    )
    rejects = (
        Rejected("{eps: 0}", "expected a real number above 0, found 0"),
        Rejected("{momentum: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("{num_features: 8}", "`num_features` is written as 8, but 6 arrive", on=((6, 4, 4),)),
        Rejected("", "`BatchNorm2d` needs an input of 3 axes (C, H, W), and N×120 arrives", on=((120,),)),
    )

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W, unchanged. Raises ``Cause`` for other ranks."""
        (x,) = arrives
        channels = expect_rank(x, "BatchNorm2d", "C, H, W")[0]
        return self.of_channels(x, channels)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.BatchNorm2d`` of the C channels that arrive."""
        from torch import nn

        return nn.BatchNorm2d(**self.torch_arguments(sizes))

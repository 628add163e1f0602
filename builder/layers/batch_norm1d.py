"""BatchNorm1d: y = γ·(x − E[x])/√(Var[x] + ε) + β, per feature (Ioffe & Szegedy, 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.layers.shared.channel_norm import ChannelNorm
from builder.shapes import Inferred, TensorType, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn


@final
class BatchNorm1d(ChannelNorm):
    """Normalises each feature over the batch, then scales and shifts it by learned weights.

    Input and output N×C, or N×C×L, where the places of the last axis count as examples do. In training the
    mean and variance are the batch's, and a running average of them is kept (`momentum`: the new batch's
    share; null: the plain mean of all batches); in evaluation the running ones are used. They are buffers,
    not parameters, so C features have 2·C parameters. It is not counted in multiply-adds.
    Source: torch.nn.BatchNorm1d; Ioffe & Szegedy, "Batch normalization" (2015).
    """

    snake = "batch_norm1d"
    accepts = (
        Accepted("", on=((6,),)),
        Accepted("{eps: 1e-3, momentum: 0.01, num_features: 3}", on=((3, 4),)),
        Accepted("{momentum: null, bias: false}", on=((3,),)),
        Accepted("{affine: false}", on=((3,),)),
        Accepted("{track_running_stats: false}", on=((3, 4),)),
    )
    rejects = (
        Rejected("{eps: 0}", "expected a real number above 0, found 0"),
        Rejected("{momentum: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("8", "`num_features` is written as 8, but 6 arrive", on=((6,),)),
        Rejected("", "`BatchNorm1d` needs an input of 1 or 2 axes (C or C, L), and N×6×4×4 arrives",
                 on=((6, 4, 4),)),
        Rejected(
            "",
            "`BatchNorm1d` over the free axis T of N×T×6: each example has another length there",
            on=(("T", 6),),
        ),
    )  # fmt: skip

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C or N×C×L, unchanged. Raises ``Cause`` for other ranks, and for a free C."""
        (x,) = arrives
        expect_reals(x, "BatchNorm1d")
        if len(x.shape) not in (1, 2):
            raise Cause(
                f"`BatchNorm1d` needs an input of 1 or 2 axes (C or C, L), and {x} arrives",
                "`BatchNorm2d` normalises the channels of images." if len(x.shape) == 3 else None,
            )
        features = expect_fixed(x, "BatchNorm1d")[0]
        return self.of_channels(x, features)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.BatchNorm1d`` of the C features that arrive."""
        from torch import nn

        return nn.BatchNorm1d(**self.torch_arguments(sizes))

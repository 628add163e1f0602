"""GroupNorm: y = γ·(x − E[x])/√(Var[x] + ε) + β, per example and group of channels (Wu & He, 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag, Positive
from builder.layers.layer import Layer
from builder.shapes import Inferred, Shape, TensorType, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn


@final
class GroupNorm(Layer):
    """Normalises groups of channels within each example, then scales and shifts each channel by learned weights.

    Input and output N×C×…. With one group mean and variance are over all of the example, with C groups over
    each channel; other examples play no part, nor does the mode. C channels have 2·C parameters. It is not
    counted in multiply-adds.
    Source: torch.nn.GroupNorm; Wu & He, "Group normalization" (2018).
    """

    main = "num_groups"
    snake = "group_norm"
    accepts = (
        Accepted("3", on=((6, 4, 5),)),
        Accepted("{num_groups: 1, eps: 1e-3, num_channels: 4}", on=((4,),)),
        Accepted("{num_groups: 4, affine: false}", on=((4, 3),)),
        Accepted("{num_groups: 2, bias: false}", on=((4, 3, 3),)),
    )
    rejects = (
        Rejected("", "`GroupNorm` needs `num_groups`"),
        Rejected("4", "`num_groups` is 4, which does not divide the 6 channels that arrive", on=((6, 4, 4),)),
        Rejected(
            "{num_groups: 2, num_channels: 8}",
            "`num_channels` is written as 8, but 6 arrive",
            on=((6, 4, 4),),
        ),
        Rejected(
            "1",
            "`GroupNorm` over the free axis T of N×T×6: each example has another length there",
            on=(("T", 6),),
        ),
        Rejected("1", "`GroupNorm` needs a shape of at least one axis (C, …), and N arrives", on=((),)),
    )

    num_groups: Count
    eps: Positive = 1e-5
    affine: Flag = True
    bias: Flag = True
    num_channels: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×…, unchanged. Raises ``Cause`` unless ``num_groups`` divides C."""
        (x,) = arrives
        expect_reals(x, "GroupNorm")
        if not x.shape:
            raise Cause(f"`GroupNorm` needs a shape of at least one axis (C, …), and {x} arrives")
        channels = expect_fixed(x, "GroupNorm")[0]
        if channels % self.num_groups:
            raise Cause(
                f"`num_groups` is {self.num_groups}, which does not divide the {channels} channels that arrive",
                field="num_groups",
            )
        names = ("weight", "bias") if self.bias else ("weight",)
        parameters: dict[str, Shape] = dict.fromkeys(names, (channels,)) if self.affine else {}
        total = len(parameters) * channels
        return Inferred(
            x,
            parameters,
            how=f"{len(parameters)}·{channels} = {total}" if parameters else "",
            sizes={"num_channels": channels},
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.GroupNorm``; ``sizes`` gives ``num_channels``."""
        from torch import nn

        arguments = self.arguments(sizes)
        if self.bias:
            del arguments["bias"]  # torch's default, and an argument that earlier releases do not have
        return nn.GroupNorm(**arguments)

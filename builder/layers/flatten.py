"""Flatten: the axes from start_dim to end_dim become one, the last index running fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Int
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, axis, count, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn


@final
class Flatten(Layer):
    """Joins neighbouring axes into one; by default all but the batch axis.

    Input N×C×H×W, output N×(C·H·W). `start_dim` and `end_dim` count the batch axis as 0, and from the end
    with negative numbers, as torch does; the batch axis itself stays.
    Source: torch.nn.Flatten.
    """

    main = "start_dim"
    snake = "flatten"
    accepts = (
        Accepted("", on=((16, 5, 5),)),
        Accepted("", on=((7,),)),
        Accepted("2", on=((4, 3, 2),)),
        Accepted("{start_dim: -3, end_dim: -2}", on=((4, 3, 2),)),
        Accepted("{start_dim: 2, end_dim: 2}", on=((4, 3, 2),)),
        Accepted("2", on=(("T", 4, 3),)),
    )
    rejects = (
        Rejected("all", 'expected a whole number, found the text "all"'),
        Rejected(
            "0",
            "`start_dim: 0` is the batch axis, along which `Flatten` would mix the examples",
            on=((4, 3, 2),),
        ),
        Rejected("{end_dim: 4}", "`end_dim` is 4, and N×4×3×2 has no such axis", on=((4, 3, 2),)),
        Rejected("{start_dim: 3, end_dim: 1}", "`start_dim` 3 is an axis after `end_dim` 1", on=((4, 3, 2),)),
        Rejected(
            "",
            "`Flatten` over the free axis T of N×T×28: each example has another length there",
            on=(("T", 28),),
        ),
    )

    start_dim: Int = 1
    end_dim: Int = -1

    def rule(self, *arrives: TensorType) -> Inferred:
        """The axes from ``start_dim`` to ``end_dim`` as one. Raises ``Cause`` if one of them is free."""
        (x,) = arrives
        expect_reals(x, "Flatten")
        start = axis(self.start_dim, x, "Flatten", "start_dim")
        end = axis(self.end_dim, x, "Flatten", "end_dim")
        if start > end:
            raise Cause(
                f"`start_dim` {self.start_dim} is an axis after `end_dim` {self.end_dim}", field="start_dim"
            )
        if start == end:
            return Inferred(x)
        joined = expect_fixed(x, "Flatten", slice(start, end + 1))
        size = count(joined)
        return Inferred(
            TensorType((*x.shape[:start], size, *x.shape[end + 1 :])),
            how=f"{'·'.join(map(str, joined))} = {size}",
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Flatten``, which counts the batch axis as 0."""
        from torch import nn

        return nn.Flatten(**self.arguments(sizes))

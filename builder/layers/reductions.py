"""Mean, Max and Select: one axis becomes one value.

Over a free axis each takes only an example's own steps: padding plays no part. Source: torch.mean, torch.amax,
torch.select.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Int
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, axis, expect_reals

if TYPE_CHECKING:
    from torch import nn


class Reducing(Layer):
    """What is left when the axis ``dim`` goes; it counts the batch axis as 0, as torch does."""

    masks = True

    dim: Int = 1

    def rule(self, *arrives: TensorType) -> Inferred:
        """The shape without the axis ``dim``, which may be free. Raises ``Cause`` for tokens."""
        (x,) = arrives
        expect_reals(x, type(self).__name__)
        along = axis(self.dim, x, type(self).__name__)
        size = x.shape[along]
        return Inferred(
            TensorType((*x.shape[:along], *x.shape[along + 1 :])),
            over=size if isinstance(size, str) else None,
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """The module of that name, which leaves out the steps past each example's length."""
        from builder.runtime.network import reductions

        made: nn.Module = getattr(reductions, type(self).__name__)(**self.arguments(sizes))
        return made


_ALONG = (
    Accepted("", on=(("T", 4),)),
    Accepted("", on=((5, 4),)),
    Accepted("-1", on=((3, 4, 5),)),
    Accepted("{dim: 2}", on=(("T", 4, 2),)),
)


@final
class Mean(Reducing):
    """The mean along one axis, by default the first: of a sequence, over its own steps.

    Input N×T×…, output N×…. `dim` counts the batch axis as 0. Its sums are not counted as multiply-adds.
    Source: torch.mean.
    """

    main = "dim"
    snake = "mean"
    accepts = _ALONG
    rejects = (
        Rejected("time", 'expected a whole number, found the text "time"'),
        Rejected("0", "`dim: 0` is the batch axis, along which `Mean` would mix the examples", on=((5, 4),)),
        Rejected("3", "`dim` is 3, and N×5×4 has no such axis", on=((5, 4),)),
    )


@final
class Max(Reducing):
    """The largest value along one axis, by default the first: of a sequence, over its own steps.

    Input N×T×…, output N×…. `dim` counts the batch axis as 0. Equal largest values share the gradient.
    Source: torch.amax; Collobert et al., "Natural language processing (almost) from scratch" (2011).
    """

    main = "dim"
    snake = "max"
    accepts = _ALONG
    rejects = (
        Rejected("1.0", "expected a whole number, found the real number 1.0"),
        Rejected("-3", "`dim: -3` is the batch axis, along which `Max` would mix the examples", on=((5, 4),)),
    )


@final
class Select(Reducing):
    """One place of an axis, by default of the first: `Select: -1` is a sequence's own last step.

    Input N×T×…, output N×…. `dim` counts the batch axis as 0; `index` counts from 0, and from the end with
    negative numbers. Over a free axis it is 0 or -1: more steps than one need not be there.
    Source: torch.select.
    """

    main = "index"
    snake = "select"
    accepts = (
        Accepted("-1", on=(("T", 4),)),
        Accepted("0", on=(("T", 4),)),
        Accepted("{dim: -1, index: 2}", on=((3, 4, 5),)),
        Accepted("{dim: 2, index: -4}", on=(("T", 4),)),
    )
    rejects = (
        Rejected("", "`Select` needs `index`"),
        Rejected("{dim: 0, index: 1}",
                 "`dim: 0` is the batch axis, along which `Select` would mix the examples", on=((5, 4),)),
        Rejected("5", "`index` is 5, and the axis has 5 places", on=((5, 4),)),
        Rejected("1", "`index` is 1, and along the free axis T only 0 and -1 are always there",
                 on=(("T", 4),)),
    )  # fmt: skip

    index: Int

    def rule(self, *arrives: TensorType) -> Inferred:
        """The shape without the axis ``dim``. Raises ``Cause`` for a place that it does not always have."""
        inferred = super().rule(*arrives)
        size = arrives[0].shape[axis(self.dim, arrives[0], "Select")]
        if isinstance(size, str) and self.index not in (0, -1):
            raise Cause(
                f"`index` is {self.index}, and along the free axis {size} only 0 and -1 are always there",
                "-1 is each sequence's own last step.",
                field="index",
            )
        if isinstance(size, int) and not -size <= self.index < size:
            places = "1 place" if size == 1 else f"{size} places"
            raise Cause(
                f"`index` is {self.index}, and the axis has {places}",
                f"They are 0 to {size - 1}, or -{size} to -1 from the end.",
                field="index",
            )
        return inferred

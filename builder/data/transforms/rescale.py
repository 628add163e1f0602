"""Rescale: from the source's declared range to another, x·(high − low)/(to − from) + shift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Affine, Range
from builder.errors import Cause
from builder.fields import RealPair
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Tensor


@final
class Rescale(Affine):
    """Maps the source's own range to ``range``, whatever a batch holds; for images [0, 1] to [−1, 1], say.

    The source's range is declared (bytes, [0, 1]), not measured: a pixel always becomes the same number.
    """

    main = "range"
    fits = False
    accepts = (
        Accepted("[-1, 1]", on=((1, 8, 8),)),
        Accepted("{range: [0, 255]}", on=((3, 8, 8),)),
        Accepted(""),
    )
    rejects = (
        Rejected("2", "expected a list of two real numbers, found 2"),
        Rejected("[1, -1]", "the range [1, -1] does not rise"),
    )

    range: RealPair = (0.0, 1.0)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        low, high = self.range
        if low >= high:
            raise Cause(f"the range [{low:g}, {high:g}] does not rise", field="range")
        return self

    def rule(self, arrives: TensorType) -> TensorType:
        """The same shape. Raises ``Cause`` for tokens."""
        if arrives.vocabulary is not None:
            raise Cause(f"`Rescale` needs real numbers, and {arrives} arrive")
        return arrives

    def range_after(self, span: Range | None) -> Range | None:
        """The two ends of ``range``. Raises ``Cause`` for a source without a declared range."""
        if span is None:
            raise Cause(
                "`Rescale` needs a source with a declared range",
                "Use `Standardize`, or write the source's `range`.",
            )
        return self.range[0], self.range[1]

    def fit(self, x: Tensor | None, span: Range | None) -> tuple[Tensor, Tensor]:
        """One scale and one shift, from the declared range to ``range``; the data's values do not matter."""
        import torch

        assert span is not None, "`range_after` refuses a source without a range"
        low, high = self.range
        scale = (high - low) / (span[1] - span[0])
        return (
            torch.tensor([scale], dtype=torch.float64),
            torch.tensor([low - span[0] * scale], dtype=torch.float64),
        )

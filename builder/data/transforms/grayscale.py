"""Grayscale: y = 0.2989·R + 0.587·G + 0.114·B (ITU-R BT.601)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Geometry, expect_image
from builder.errors import Cause
from builder.fields import Count
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS: Final = (0.2989, 0.587, 0.114)


@final
class Grayscale(Geometry):
    """Colour images to their brightness, in one channel or in three equal ones; grey images stay as they are.

    Source: torchvision.transforms.v2.Grayscale.
    """

    main = "num_output_channels"
    accepts = (Accepted("", on=((3, 8, 8),)), Accepted("3", on=((3, 8, 8),)), Accepted("", on=((1, 8, 8),)))
    rejects = (
        Rejected("2", "`num_output_channels` is 1 or 3, found 2"),
        Rejected("", "`Grayscale` needs 1 or 3 channels, and 4 arrive", on=((4, 8, 8),)),
    )

    num_output_channels: Count = 1

    @model_validator(mode="after")
    def _one_or_three(self) -> Self:
        if self.num_output_channels not in (1, 3):
            raise Cause(
                f"`num_output_channels` is 1 or 3, found {self.num_output_channels}",
                field="num_output_channels",
            )
        return self

    def rule(self, arrives: TensorType) -> TensorType:
        """``num_output_channels``×H×W. Raises ``Cause`` unless 1 or 3 channels arrive."""
        channels, height, width = expect_image(arrives, "Grayscale")
        if channels not in (1, 3):
            raise Cause(f"`Grayscale` needs 1 or 3 channels, and {channels} arrive")
        return TensorType((self.num_output_channels, height, width))

    def apply(self, x: Tensor) -> Tensor:
        """Red, green and blue weighed by 0.2989, 0.587 and 0.114, torchvision's weights."""
        if x.shape[1] == 3:
            red, green, blue = (x[:, i : i + 1] * weight for i, weight in enumerate(WEIGHTS))
            x = red + green + blue
        return x.expand(-1, self.num_output_channels, -1, -1)

"""RGB: grey images with their one channel three times."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Geometry, expect_image
from builder.errors import Cause
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Tensor


@final
class RGB(Geometry):
    """Grey images to three equal channels; colour images stay. Source: torchvision.transforms.v2.RGB."""

    accepts = (Accepted("", on=((1, 8, 8),)), Accepted("", on=((3, 8, 8),)))
    rejects = (
        Rejected("3", "`RGB` takes no fields, found 3"),
        Rejected("", "`RGB` needs 1 or 3 channels, and 2 arrive", on=((2, 8, 8),)),
    )

    def rule(self, arrives: TensorType) -> TensorType:
        """3×H×W. Raises ``Cause`` unless 1 or 3 channels arrive."""
        channels, height, width = expect_image(arrives, "RGB")
        if channels not in (1, 3):
            raise Cause(f"`RGB` needs 1 or 3 channels, and {channels} arrive")
        return TensorType((3, height, width))

    def apply(self, x: Tensor) -> Tensor:
        """A grey channel three times; colour stays as it is."""
        return x.expand(-1, 3, -1, -1)

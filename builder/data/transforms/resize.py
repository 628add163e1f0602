"""Resize: every pixel of the new grid is interpolated from the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Geometry, expect_image
from builder.errors import Cause
from builder.fields import Count, Flag, OneOrPair
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Tensor


@final
class Resize(Geometry):
    """Resizes images to ``size``: [height, width], or one number for the shorter side.

    With one number the longer side keeps the ratio, rounded down; ``max_size`` bounds it. What ``bicubic``
    throws outside [0, 1] is clamped, as for bytes. Source: torchvision.transforms.v2.Resize, which on tensors
    is torch.nn.functional.interpolate with align_corners false.
    """

    main = "size"
    accepts = (
        Accepted("[28, 28]", on=((1, 8, 8),)),
        Accepted("32", on=((3, 40, 60),)),
        Accepted("{size: 32, max_size: 40}", on=((3, 40, 60),)),
        Accepted("{size: [4, 6], interpolation: nearest}", on=((1, 8, 8),)),
        Accepted("{size: 5, interpolation: bicubic, antialias: false}", on=((2, 8, 9),)),
    )
    rejects = (
        Rejected("", "`Resize` needs `size`"),
        Rejected("0", "expected a whole number of at least 1, or two of them, found 0"),
        Rejected("{size: [4, 4], max_size: 8}", "`max_size` goes with one number for `size`"),
        Rejected("{size: 8, max_size: 8}", "`max_size` is 8, which is not above `size`, 8"),
        Rejected("28", "`Resize` needs images (C, H, W), and N×30 arrives", on=((30,),)),
    )

    size: OneOrPair
    interpolation: Literal["nearest", "nearest-exact", "bilinear", "bicubic"] = "bilinear"
    max_size: Count | None = None
    antialias: Flag = True

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        if self.max_size is not None:
            if not isinstance(self.size, int):
                raise Cause("`max_size` goes with one number for `size`", field="max_size")
            if self.max_size <= self.size:
                raise Cause(
                    f"`max_size` is {self.max_size}, which is not above `size`, {self.size}", field="max_size"
                )
        return self

    def rule(self, arrives: TensorType) -> TensorType:
        """C×H×W of the new height and width. Raises ``Cause`` unless images arrive."""
        channels, height, width = expect_image(arrives, "Resize")
        return TensorType((channels, *self._goal(height, width)))

    def _goal(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self.size, int):
            return self.size[0], self.size[1]
        short, long = sorted((height, width))
        new_short, new_long = self.size, self.size * long // short
        if self.max_size is not None and new_long > self.max_size:
            new_short, new_long = max(self.max_size * new_short // new_long, 1), self.max_size
        return (new_short, new_long) if height <= width else (new_long, new_short)

    def apply(self, x: Tensor) -> Tensor:
        """``torch.nn.functional.interpolate``; what bicubic overshoots is cut to [0, 1]."""
        from torch.nn.functional import interpolate

        goal = self._goal(x.shape[-2], x.shape[-1])
        if self.interpolation in ("nearest", "nearest-exact"):
            return interpolate(x, goal, mode=self.interpolation)
        resized = interpolate(x, goal, mode=self.interpolation, align_corners=False, antialias=self.antialias)
        return resized.clamp(0, 1) if self.interpolation == "bicubic" else resized

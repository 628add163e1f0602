"""Upsample: an image's values read at places in between: the nearest, or a polynomial of the neighbours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Checked, Flag, OneOrPair, pair, wrong
from builder.layers.layer import REFUSED, Layer
from builder.shapes import Inferred, Sum, TensorType, both_axes, expect_rank

if TYPE_CHECKING:
    from torch import nn


def _factor(value: Any) -> float | tuple[float, ...]:
    several = isinstance(value, list | tuple)
    factors = value if several else [value]
    if (several and len(value) != 2) or not all(
        isinstance(factor, int | float) and not isinstance(factor, bool) and 0 < factor <= 1e6
        for factor in factors
    ):
        raise wrong("a real number above 0, or two of them", value)
    return tuple(map(float, value)) if several else float(value)


_ABOVE_ZERO = {"type": "number", "exclusiveMinimum": 0}
Factor = Annotated[
    float | tuple[float, ...],
    Checked(
        _factor,
        {"anyOf": [_ABOVE_ZERO, {"type": "array", "items": _ABOVE_ZERO, "minItems": 2, "maxItems": 2}]},
    ),
]


@final
class Upsample(Layer):
    """Enlarges an image to a `size`, or by a `scale_factor`; nothing is learned.

    Input N×C×H×W, output N×C×H'×W' with H' = ⌊H·scale_factor⌋. A convolution after it is the usual cure for
    the chequered patterns of transposed ones. `align_corners` says, for `bilinear` and `bicubic`, whether
    the corners' centres stay where they are. Its sums are not counted as multiply-adds.
    Source: torch.nn.Upsample; Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts" (2016).
    """

    snake = "upsample"
    refused = REFUSED | {
        "recompute_scale_factor": "Places are worked out with `scale_factor` as it is written.",
    }
    accepts = (
        Accepted("{scale_factor: 2}", on=((3, 4, 5),)),
        Accepted("{size: [7, 3]}", on=((2, 5, 4),)),
        Accepted("{scale_factor: [2, 1.5], mode: bilinear}", on=((2, 4, 6),)),
        Accepted("{size: 9, mode: bilinear, align_corners: true}", on=((2, 4, 5),)),
        Accepted("{scale_factor: 2, mode: bicubic, align_corners: false}", on=((1, 4, 4),)),
    )
    rejects = (
        Rejected("", "`Upsample` needs `size` or `scale_factor`"),
        Rejected("{size: 8, scale_factor: 2}", "`Upsample` has `size` and `scale_factor`"),
        Rejected("{scale_factor: 0}", "expected a real number above 0, or two of them, found 0"),
        Rejected(
            "{scale_factor: 2, mode: trilinear}",
            'expected `nearest`, `bilinear` or `bicubic`, found the text "trilinear"',
        ),
        Rejected(
            "{scale_factor: 2, align_corners: true}", "`align_corners` is for `bilinear` and `bicubic` alone"
        ),
        Rejected("{scale_factor: 0.2}", "nothing is left of an axis of 4: ⌊4·0.2⌋ = 0", on=((3, 4, 4),)),
        Rejected(
            "{scale_factor: 2}",
            "`Upsample` needs an input of 3 axes (C, H, W), and N×64 arrives",
            on=((64,),),
        ),
    )

    size: OneOrPair | None = None
    scale_factor: Factor | None = None
    mode: Literal["nearest", "bilinear", "bicubic"] = "nearest"
    align_corners: Flag | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        if self.size is None and self.scale_factor is None:
            raise Cause("`Upsample` needs `size` or `scale_factor`", "As in `Upsample: {scale_factor: 2}`.")
        if self.size is not None and self.scale_factor is not None:
            raise Cause("`Upsample` has `size` and `scale_factor`", "Keep one of the two.", field="size")
        if self.align_corners is not None and self.mode == "nearest":
            raise Cause("`align_corners` is for `bilinear` and `bicubic` alone", field="align_corners")
        return self

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×C×H'×W', H' being the ``size`` or ⌊H·scale_factor⌋."""
        (x,) = arrives
        channels, *size = expect_rank(x, "Upsample", "C, H, W")
        height, width = (self._axis(size[i], i) for i in (0, 1))
        return Inferred(TensorType((channels, height.value, width.value)), how=both_axes(height, width))

    def _axis(self, size: int, i: int) -> Sum:
        if self.size is not None:
            wanted = pair(self.size)[i]
            return Sum(wanted, f"{size} to {wanted}")
        factor = self.scale_factor[i] if isinstance(self.scale_factor, tuple) else self.scale_factor
        assert factor is not None
        value = math.floor(size * factor)
        text = f"⌊{size}·{factor:g}⌋ = {value}"
        if value < 1:
            raise Cause(f"nothing is left of an axis of {size}: {text}", field="scale_factor")
        return Sum(value, text)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Upsample``; ``align_corners`` stays None for ``nearest``."""
        from torch import nn

        return nn.Upsample(**self.arguments(sizes))

"""PixelShuffle: y[c, r·i + a, r·j + b] = x[c·r² + a·r + b, i, j]: channels become pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, expect_rank

if TYPE_CHECKING:
    from torch import nn


@final
class PixelShuffle(Layer):
    """Lays r² channels out as r×r pixels, for an `upscale_factor` r: a larger image from a deeper one.

    Input N×(C·r²)×H×W, output N×C×(r·H)×(r·W). Nothing is learned or computed.
    Source: torch.nn.PixelShuffle; Shi et al., "Real-time single image and video super-resolution using an
    efficient sub-pixel convolutional neural network" (2016).
    """

    main = "upscale_factor"
    snake = "pixel_shuffle"
    accepts = (Accepted("2", on=((8, 3, 4),)), Accepted("3", on=((9, 1, 2),)))
    rejects = (
        Rejected("", "`PixelShuffle` needs `upscale_factor`"),
        Rejected("2", "6 channels arrive, which 2·2 = 4 does not divide", on=((6, 3, 4),)),
    )

    upscale_factor: Count

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×C/r²×rH×rW. Raises ``Cause`` unless r² divides C."""
        (x,) = arrives
        channels, height, width = expect_rank(x, "PixelShuffle", "C, H, W")
        r = self.upscale_factor
        if channels % r**2:
            raise Cause(f"{channels} channels arrive, which {r}·{r} = {r**2} does not divide")
        return Inferred(
            TensorType((channels // r**2, r * height, r * width)),
            how=f"{channels}/({r}·{r}) = {channels // r**2}, {r}·{height} = {r * height}, "
            f"{r}·{width} = {r * width}",
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.PixelShuffle``, which only moves values."""
        from torch import nn

        return nn.PixelShuffle(**self.arguments(sizes))

"""Tile: y[c, i, j] = x[c] at every place of an H×W image."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import OneOrPair, pair
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, expect_rank

if TYPE_CHECKING:
    from torch import nn


@final
class Tile(Layer):
    """A vector as an image that is the same everywhere: so that a class can stand beside an image's channels.

    Input N×C, output N×C×H×W with H×W the `size` (one number: a square).
    Source: Mirza & Osindero, "Conditional generative adversarial nets" (2014), in its convolutional form.
    """

    main = "size"
    snake = "tile"
    accepts = (
        Accepted("[4, 3]", on=((10,),)),
        Accepted("{size: 5}", on=((1,),)),
    )
    rejects = (
        Rejected("", "`Tile` needs `size`"),
        Rejected("[4, 0]", "expected a whole number of at least 1, or two of them, found the list [4, 0]"),
        Rejected("4", "`Tile` needs an input of 1 axis (C), and N×3×2×2 arrives", on=((3, 2, 2),)),
    )

    size: OneOrPair

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C to N×C×H×W. Raises ``Cause`` for other ranks."""
        (x,) = arrives
        (channels,) = expect_rank(x, "Tile", "C")
        return Inferred(TensorType((channels, *pair(self.size))))

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """A view: the values stand in memory once."""
        from builder.runtime.network import wiring

        return wiring.Tile(pair(self.size))

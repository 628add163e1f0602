"""PositionalEncoding: y[t] = x[t] + p[t], with p[t, 2i] = sin(t/10000^(2i/E)) and p[t, 2i+1] the cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted
from builder.layers.layer import Layer
from builder.layers.shared.recurrent import expect_steps
from builder.shapes import Inferred, TensorType

if TYPE_CHECKING:
    from torch import nn


@final
class PositionalEncoding(Layer):
    """Adds to each step sines and cosines of its place, so that attention can tell the steps apart.

    Input and output N×T×E, T free or not. Nothing is learned, and there is no greatest length.
    Source: Vaswani et al., "Attention is all you need" (2017), section 3.5.
    """

    snake = "positional_encoding"
    accepts = (Accepted("", on=(("T", 6),)), Accepted("", on=((4, 5),)))

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×T×E, unchanged; T may be free."""
        (x,) = arrives
        expect_steps(x, "PositionalEncoding")
        return Inferred(x)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """A sum with sines and cosines that are worked out for each T that arrives."""
        from builder.runtime.network.attention import PositionalEncoding as Module

        return Module()

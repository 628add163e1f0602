"""Identity: y = x."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType

if TYPE_CHECKING:
    from torch import nn


@final
class Identity(Layer):
    """Hands on what arrives, unchanged: a place to name, or a shortcut that needs no convolution.

    Input and output have any shape, the same; tokens stay tokens.
    Source: torch.nn.Identity.
    """

    snake = "identity"
    accepts = (
        Accepted("", on=((3, 4, 4),)),
        Accepted("", on=(TensorType((7,), 80),)),
    )

    def rule(self, *arrives: TensorType) -> Inferred:
        """Any shape, of reals or tokens, unchanged."""
        (x,) = arrives
        return Inferred(x)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Identity``."""
        from torch import nn

        return nn.Identity()

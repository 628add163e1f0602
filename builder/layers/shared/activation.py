"""What an activation is: a layer that keeps the shape. The activations themselves are in ``builder.layers``.

Source: torch.nn, section "Non-linear activations"; each class names its paper.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final, final

from builder.component import Accepted
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, expect_reals

if TYPE_CHECKING:
    from torch import nn


ANY_SHAPE: Final = (Accepted("", on=((5,),)), Accepted("", on=((3, 4, 4),)), Accepted("", on=(("T", 4),)))


class Activation(Layer):
    """A layer that keeps the shape; torch's class has its name and its fields.

    ``span`` are the values that its output lies between, where they do not depend on its fields.
    """

    span: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def between(self) -> tuple[float, float]:
        """The values that its output lies between; infinite where it is unbounded."""
        return self.span

    @final
    def build(self, sizes: dict[str, int]) -> nn.Module:
        """The class of ``torch.nn`` with this layer's name and fields."""
        from torch import nn

        made: nn.Module = getattr(nn, type(self).__name__)(**self.arguments(sizes))
        return made


class Elementwise(Activation):
    """A function of each value alone; nothing is learned, and nothing counts as a multiply-add."""

    @final
    def rule(self, *arrives: TensorType) -> Inferred:
        """Any shape of reals, unchanged. Raises ``Cause`` for tokens."""
        (x,) = arrives
        expect_reals(x, type(self).__name__)
        return Inferred(x)

"""Dropout: y = x·m/(1 − p) with m ~ Bernoulli(1 − p), in training only (Srivastava et al., 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Probability
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, expect_reals

if TYPE_CHECKING:
    from torch import nn


@final
class Dropout(Layer):
    """Sets each value to zero with probability p in training, and scales the others by 1/(1 − p).

    Input and output have any shape, the same. In evaluation, and in ONNX, it does nothing.
    Source: torch.nn.Dropout; Srivastava et al., "Dropout" (2014).
    """

    main = "p"
    snake = "dropout"
    accepts = (
        Accepted("", on=((120,),)),
        Accepted("0.2", on=((3, 4, 4),)),
        Accepted("{p: 1/4}", on=((5,),)),
    )
    rejects = (
        Rejected("1.5", "expected a real number from 0 to 1, found the real number 1.5"),
        Rejected("{p: 0.5, inplace: true}", "`Dropout` does not take `inplace` here"),
        Rejected("", "`Dropout` needs real numbers, and N×7 tokens of 80 arrive", on=(TensorType((7,), 80),)),
    )

    p: Probability = 0.5

    def rule(self, *arrives: TensorType) -> Inferred:
        """Any shape of reals, unchanged."""
        (x,) = arrives
        expect_reals(x, "Dropout")
        return Inferred(x)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Dropout``, the identity in evaluation."""
        from torch import nn

        return nn.Dropout(**self.arguments(sizes))

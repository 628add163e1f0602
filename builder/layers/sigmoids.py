"""Functions shaped like an S: between two bounds, and steepest at zero."""

from __future__ import annotations

from typing import Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Real
from builder.layers.layer import REFUSED
from builder.layers.shared.activation import ANY_SHAPE, Elementwise


@final
class Sigmoid(Elementwise):
    """y = 1/(1 + e⁻ˣ), between 0 and 1. Any shape. Source: torch.nn.Sigmoid."""

    snake = "sigmoid"
    span = (0.0, 1.0)
    accepts = ANY_SHAPE


@final
class Tanh(Elementwise):
    """y = (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ), between −1 and 1. Any shape. Source: torch.nn.Tanh."""

    snake = "tanh"
    span = (-1.0, 1.0)
    accepts = ANY_SHAPE


@final
class Softsign(Elementwise):
    """y = x/(1 + |x|), between −1 and 1. Any shape. Source: torch.nn.Softsign."""

    snake = "softsign"
    span = (-1.0, 1.0)
    accepts = ANY_SHAPE


@final
class Hardtanh(Elementwise):
    """y = x, cut off at `min_val` and `max_val`. Any shape. Source: torch.nn.Hardtanh."""

    snake = "hardtanh"
    refused = REFUSED | {
        "min_value": "PyTorch renamed it: write `min_val`.",
        "max_value": "PyTorch renamed it: write `max_val`.",
    }
    accepts = (*ANY_SHAPE, Accepted("{min_val: 0, max_val: 6}", on=((5,),)))
    rejects = (
        Rejected("{min_value: 0}", "`Hardtanh` does not take `min_value` here"),
        Rejected("{min_val: 1}", "`max_val` is 1, which is not above `min_val` 1"),
    )

    min_val: Real = -1.0
    max_val: Real = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_val <= self.min_val:
            raise Cause(
                f"`max_val` is {self.max_val:g}, which is not above `min_val` {self.min_val:g}",
                field="max_val" if "max_val" in self.model_fields_set else "min_val",
            )
        return self

    def between(self) -> tuple[float, float]:
        """From ``min_val`` to ``max_val``, -1 to 1 unless written."""
        return self.min_val, self.max_val


@final
class Hardsigmoid(Elementwise):
    """y = min(max(x + 3, 0), 6)/6. Any shape. Source: torch.nn.Hardsigmoid; Courbariaux et al. (2015)."""

    snake = "hardsigmoid"
    span = (0.0, 1.0)
    accepts = ANY_SHAPE

"""Stochastic gradient descent: w ← w − lr·(a running sum of gradients)."""

from __future__ import annotations

from typing import Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Flag, NonNegative
from builder.training.optimizers.optimizer import Optimizer


@final
class SGD(Optimizer):
    """Stochastic gradient descent: v ← momentum·v + (1 − dampening)·g, w ← w − lr·v.

    Source: torch.optim.SGD.
    """

    has_fused = True
    accepts = (
        Accepted("0.1"),
        Accepted("{lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 5e-4}"),
        Accepted("{}"),
    )
    rejects = (
        Rejected("{lr: -0.1}", "expected a real number of at least 0, found the real number -0.1"),
        Rejected("{nesterov: true}", "`nesterov` needs a `momentum` above 0 and no `dampening`"),
        Rejected("{fused: true}", "`SGD` does not take `fused` here"),
    )

    lr: NonNegative = 1e-3
    momentum: NonNegative = 0.0
    dampening: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: Flag = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise Cause("`nesterov` needs a `momentum` above 0 and no `dampening`", field="nesterov")
        return self

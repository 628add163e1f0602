"""Losses of real numbers: the output has the target's shape."""

from __future__ import annotations

from typing import final

from builder.component import Accepted, Rejected
from builder.data.info import Target
from builder.fields import Positive
from builder.shapes import TensorType
from builder.training.losses.loss import Loss, Reduction, expect_reals


class OfReals(Loss):
    """A loss of reals of the output's shape."""

    def check(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` unless the target is reals of the output's shape."""
        expect_reals(self, output, target)


@final
class MSELoss(OfReals):
    """(output − target)², averaged over batch and axes. Source: torch.nn.MSELoss."""

    accepts = (Accepted(""), Accepted("{reduction: sum}"))
    rejects = (Rejected("{reduction: max}", 'expected `mean` or `sum`, found the text "max"'),)

    reduction: Reduction = "mean"


@final
class L1Loss(OfReals):
    """|output − target|, averaged over batch and axes. Source: torch.nn.L1Loss."""

    accepts = (Accepted(""), Accepted("{reduction: sum}"))
    rejects = (Rejected("{reduce: true}", "`L1Loss` does not take `reduce` here"),)

    reduction: Reduction = "mean"


@final
class SmoothL1Loss(OfReals):
    """d²/(2·beta) where d = |output − target| < beta, else d − beta/2. Source: torch.nn.SmoothL1Loss."""

    main = "beta"
    accepts = (Accepted(""), Accepted("0.5"))
    rejects = (Rejected("0", "expected a real number above 0, found 0"),)

    reduction: Reduction = "mean"
    beta: Positive = 1.0


@final
class HuberLoss(OfReals):
    """d²/2 where d = |output − target| < delta, else delta·(d − delta/2). Source: torch.nn.HuberLoss."""

    main = "delta"
    accepts = (Accepted(""), Accepted("0.5"))
    rejects = (Rejected("-1", "expected a real number above 0, found -1"),)

    reduction: Reduction = "mean"
    delta: Positive = 1.0

"""Optimisers with a step of its own for each weight, from the squares of its past gradients."""

from __future__ import annotations

from typing import final

from builder.component import Accepted, Rejected
from builder.fields import BelowOne, Flag, NonNegative, Positive, Probability
from builder.training.optimizers.optimizer import Optimizer


@final
class RMSprop(Optimizer):
    """RMSprop: w ← w − lr·g/(√v + eps), v the running mean of g².

    Source: torch.optim.RMSprop; Hinton's lecture 6e (2012).
    """

    accepts = (Accepted("0.01"), Accepted("{alpha: 0.9, momentum: 0.9, centered: true}"))
    rejects = (
        Rejected("{alpha: -1}", "expected a real number of at least 0 and below 1, found -1"),
        Rejected("{rho: 0.9}", "`RMSprop` has no field `rho`"),
    )

    lr: NonNegative = 1e-2
    alpha: BelowOne = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: NonNegative = 0.0
    centered: Flag = False


@final
class Adagrad(Optimizer):
    """Adagrad: w ← w − lr·g/(√Σg² + eps).

    Source: torch.optim.Adagrad; Duchi, Hazan & Singer (2011).
    """

    momentum_like = False
    accepts = (Accepted("0.01"), Accepted("{lr_decay: 0.1, initial_accumulator_value: 0.1}"))
    rejects = (Rejected("{eps: -1}", "expected a real number of at least 0, found -1"),)

    lr: NonNegative = 1e-2
    lr_decay: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: NonNegative = 1e-10


@final
class Adadelta(Optimizer):
    """Adadelta: the step's size is the running size of past steps over that of past gradients.

    Source: torch.optim.Adadelta; Zeiler, "ADADELTA" (2012).
    """

    momentum_like = False
    accepts = (Accepted("1.0"), Accepted("{rho: 0.95, eps: 1e-7}"))
    rejects = (Rejected("{rho: 2}", "expected a real number from 0 to 1, found 2"),)

    lr: NonNegative = 1.0
    rho: Probability = 0.9
    eps: Positive = 1e-6
    weight_decay: NonNegative = 0.0

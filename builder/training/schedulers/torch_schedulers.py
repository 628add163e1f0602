"""The learning rate schedulers of ``torch.optim.lr_scheduler``: lr as a function of time or of a figure."""

from __future__ import annotations

from typing import Any, Final, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import BelowOne, Count, Flag, Natural, NonNegative, Positive, Probability, Sizes, Text
from builder.training.optimizers.optimizer import Optimizer
from builder.training.schedulers.scheduler import Scheduler

_RUN: Final = "It follows from the run: `epochs`, and the batches of one."
_REFUSED: Final = {"last_epoch": "A resumed run goes on where it was by itself."}


@final
class StepLR(Scheduler):
    """lr ← gamma·lr every ``step_size`` epochs. Source: torch.optim.lr_scheduler.StepLR."""

    main = "step_size"
    accepts = (Accepted("10"), Accepted("{step_size: 30, gamma: 0.5}"))
    rejects = (
        Rejected("{gamma: 0.5}", "`StepLR` needs `step_size`"),
        Rejected("{step_size: 10, last_epoch: 3}", "`StepLR` does not take `last_epoch` here"),
    )

    step_size: Count
    gamma: NonNegative = 0.1


@final
class MultiStepLR(Scheduler):
    """lr ← gamma·lr at each of the epochs ``milestones``. Source: torch.optim.lr_scheduler.MultiStepLR."""

    main = "milestones"
    accepts = (Accepted("[30, 80]"), Accepted("{milestones: [5], gamma: 0.2}"))
    rejects = (
        Rejected("30", "expected a list of whole numbers of at least 1, found 30"),
        Rejected("[80, 30]", "the milestones [80, 30] do not rise"),
    )

    milestones: Sizes
    gamma: NonNegative = 0.1

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if list(self.milestones) != sorted(self.milestones):
            raise Cause(f"the milestones {list(self.milestones)} do not rise", field="milestones")
        return self


@final
class ExponentialLR(Scheduler):
    """lr ← gamma·lr after every epoch. Source: torch.optim.lr_scheduler.ExponentialLR."""

    main = "gamma"
    accepts = (Accepted("0.9"),)
    rejects = (Rejected("", "`ExponentialLR` needs `gamma`"),)

    gamma: Positive


@final
class CosineAnnealingLR(Scheduler):
    """lr falls along half a cosine from its start to ``eta_min`` in ``T_max`` epochs (absent: all of them).

    Source: torch.optim.lr_scheduler.CosineAnnealingLR; Loshchilov & Hutter, "SGDR" (2017).
    """

    main = "T_max"
    accepts = (Accepted("{eta_min: 1e-5}"), Accepted("50"), Accepted(""))
    rejects = (Rejected("0", "expected a whole number of at least 1, found 0"),)

    T_max: Count | None = None
    eta_min: NonNegative = 0.0

    def from_run(self, steps_per_epoch: int, epochs: int) -> dict[str, Any]:
        """``T_max``, where it is not written."""
        return {"T_max": self.T_max or epochs}


@final
class CosineAnnealingWarmRestarts(Scheduler):
    """lr falls along half a cosine, and starts again after ``T_0`` epochs, each time ``T_mult`` times longer.

    Source: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov & Hutter, "SGDR" (2017).
    """

    main = "T_0"
    accepts = (Accepted("10"), Accepted("{T_0: 2, T_mult: 2, eta_min: 1e-6}"))
    rejects = (Rejected("{T_mult: 2}", "`CosineAnnealingWarmRestarts` needs `T_0`"),)

    T_0: Count
    T_mult: Count = 1
    eta_min: NonNegative = 0.0


@final
class LinearLR(Scheduler):
    """lr goes from start_factor·lr to end_factor·lr in ``total_iters`` epochs: a warm-up.

    Source: torch.optim.lr_scheduler.LinearLR.
    """

    main = "total_iters"
    accepts = (
        Accepted("5"),
        Accepted("{start_factor: 0.1, total_iters: 3}"),
        Accepted("{start_factor: 1/3}"),
    )
    rejects = (
        Rejected("{start_factor: 0}", "expected a real number above 0, found 0"),
        Rejected("{end_factor: 1.5}", "expected a real number from 0 to 1, found the real number 1.5"),
    )

    start_factor: Positive = 1 / 3
    end_factor: Probability = 1.0
    total_iters: Count = 5

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.start_factor > 1:
            raise Cause("`start_factor` is at most 1", field="start_factor")
        return self


@final
class OneCycleLR(Scheduler):
    """lr rises to ``max_lr`` and falls far below its start over the whole run, a step each batch.

    The learning rate of the optimiser is not used: the start is max_lr/div_factor.
    Source: torch.optim.lr_scheduler.OneCycleLR; Smith & Topin, "Super-Convergence" (2018).
    """

    main = "max_lr"
    refused = _REFUSED | {"total_steps": _RUN, "epochs": _RUN, "steps_per_epoch": _RUN}
    steps = "batch"
    accepts = (
        Accepted("{max_lr: 1e-2}"),
        Accepted("0.1"),
        Accepted("{max_lr: 0.1, pct_start: 0.2, anneal_strategy: linear, three_phase: true}"),
    )
    rejects = (
        Rejected("{pct_start: 0.3}", "`OneCycleLR` needs `max_lr`"),
        Rejected("{max_lr: 0.1, total_steps: 100}", "`OneCycleLR` does not take `total_steps` here"),
        Rejected(
            "{max_lr: 0.1, anneal_strategy: cosine}", 'expected `cos` or `linear`, found the text "cosine"'
        ),
    )

    max_lr: Positive
    pct_start: Probability = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    cycle_momentum: Flag = True
    base_momentum: Probability = 0.85
    max_momentum: Probability = 0.95
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    three_phase: Flag = False

    def check(self, optimizer: Optimizer, epochs: int) -> None:
        """Raises ``Cause`` for ``cycle_momentum`` with an optimiser that has no momentum."""
        if self.cycle_momentum and not optimizer.momentum_like:
            raise Cause(
                f"`OneCycleLR` cycles the momentum, and `{type(optimizer).__name__}` has none",
                "Write `cycle_momentum: false`.",
                field="scheduler",
            )

    def from_run(self, steps_per_epoch: int, epochs: int) -> dict[str, Any]:
        """``total_steps``: the batches of all epochs."""
        return {"total_steps": steps_per_epoch * epochs}


@final
class ReduceLROnPlateau(Scheduler):
    """lr ← factor·lr when the monitored figure has not become better for ``patience`` epochs.

    ``monitor`` is ours: the figure whose value torch's ``step`` is given.
    Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    steps = "monitor"
    own = frozenset({"monitor"})
    accepts = (
        Accepted(""),
        Accepted(
            "{monitor: train_loss, factor: 0.5, patience: 2, threshold: 1e-3, cooldown: 1, min_lr: 1e-6}"
        ),
    )
    rejects = (
        Rejected(
            "{factor: 1.0}", "expected a real number of at least 0 and below 1, found the real number 1.0"
        ),
        Rejected("{mode: lower}", 'expected `min` or `max`, found the text "lower"'),
    )

    monitor: Text = "validation_loss"
    mode: Literal["min", "max"] = "min"
    factor: BelowOne = 0.1
    patience: Natural = 10
    threshold: NonNegative = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: Natural = 0
    min_lr: NonNegative = 0.0
    eps: NonNegative = 1e-8

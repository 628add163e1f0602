"""generalisation: how much better a network is on what it was trained on than on what it has not seen."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Final, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Choice, Rejected
from builder.errors import Cause
from builder.fields import NonNegative
from builder.training.metrics import classification as known
from builder.training.metrics.metric import Metric, metrics
from grader.check import Brief, Check, Subject
from grader.checks.accuracy import wilson
from grader.exchange import Examples, Findings, Role, Task
from grader.outcome import Failed, Outcome, Passed
from grader.running.predictions import misfit, predicted, prediction_task
from grader.submission.submission import Submission

TRAINING: Final = "training."
_ROUNDING: Final = 1e-9  # 0.99 − 0.94 is more than 0.05


@final
class generalisation(Check):
    """Your network is hardly better on the training examples than on those it has not seen.

    The metric on the assignment's training part may be better than on its test part by `max` at most; from
    `max` to `zero` the credit falls in a straight line (absent: beyond `max` there is none). A network that has
    learned nothing has no such gap: the check must need an accuracy, in the assignment.
    """

    reads: ClassVar[tuple[Role, ...]] = ("model", "weights")
    needs_examples: ClassVar[bool] = True
    needs_training: ClassVar[bool] = True
    needs_accuracy: ClassVar[bool] = True

    main: ClassVar[str | None] = "max"
    accepts: ClassVar[tuple[Accepted, ...]] = (
        Accepted("0.05"),
        Accepted("{metric: f1, max: 0.05, zero: 0.2}"),
    )
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("", "`generalisation` needs `max`"),
        Rejected("-1", "expected a real number of at least 0, found -1"),
        Rejected("{max: 0.2, zero: 0.1}", "`zero` is 0.1, and must be above `max`, 0.2"),
    )

    metric: Annotated[Metric, Choice(metrics)] = known.accuracy()
    max: NonNegative
    zero: NonNegative | None = None

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.zero is not None and self.zero <= self.max:
            raise Cause(f"`zero` is {self.zero:g}, and must be above `max`, {self.max:g}", field="zero")
        return self

    def without_answers(self) -> Self:
        """Hides ``max`` and ``zero``, which would tell what gap is allowed."""
        return self.model_copy(update={"max": 0.0, "zero": None})

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The inputs of both parts without their labels; the costs of both add up."""
        unseen, trained, network = brief.examples, brief.training, subject.network
        assert unseen is not None and trained is not None, "the runner loads both parts"
        wrong = misfit(network, unseen, self.metric)
        if wrong is not None or subject.is_reference:
            return wrong
        first, second = prediction_task(network, unseen), prediction_task(network, trained, TRAINING)
        return Task(
            second.parameters | first.parameters,
            first.arrays | second.arrays,
            first.operations + second.operations,
            first.values + second.values,
        )

    def work(self, task: Task, submission: Submission) -> Findings:
        """``outputs`` of the unseen examples and ``training.outputs`` of the training part."""
        outputs = {"outputs": predicted(task, submission)}
        return Findings(arrays=outputs | {f"{TRAINING}outputs": predicted(task, submission, TRAINING)})

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """The gap between the two values of the metric; credit falls from ``max`` to ``zero`` in a straight line."""
        assert brief.examples is not None and brief.training is not None, "they were there in `prepare`"
        unseen = self._value(brief.examples, found, "outputs")
        trained = self._value(brief.training, found, f"{TRAINING}outputs")
        if unseen is None or trained is None:
            return Failed("outputs that are finite numbers", "not-a-number or infinity")
        gap = trained - unseen if self.metric.better == "higher" else unseen - trained
        name = type(self.metric).__name__
        luck = self._luck(trained, unseen, brief.training, brief.examples)
        told = (
            f"{name} {trained:.4g} in training and {unseen:.4g} on unseen examples: a gap of {gap:.3g}{luck}"
        )
        if gap <= self.max + _ROUNDING:
            return Passed(told)
        over = 0.0 if self.zero is None else (self.zero - gap) / (self.zero - self.max)
        return Failed(
            f"a gap of at most {self.max:g}",
            told,
            "It knows its training examples better than the rest: less capacity, dropout, weight decay or "
            "augmentation close the gap.",
            fraction=max(over, 0.0) if math.isfinite(over) else 0.0,
            direction="much better on the training examples than on others",
        )

    def _value(self, examples: Examples, found: Findings, name: str) -> float | None:
        outputs, targets = found.arrays[name], examples.targets
        assert len(outputs) == len(targets), "one output for each target"
        return self.metric.of(outputs, targets) if np.isfinite(outputs).all() else None

    def _luck(self, trained: float, unseen: float, seen: Examples, other: Examples) -> str:
        """The gap's 95 % interval, where both figures are shares. Newcombe (1998), method 10."""
        if not isinstance(self.metric, known.accuracy):
            return ""
        a, b = len(seen.targets), len(other.targets)
        (low_a, high_a), (low_b, high_b) = wilson(round(trained * a), a), wilson(round(unseen * b), b)
        gap = trained - unseen
        low = gap - math.hypot(trained - low_a, high_b - unseen)
        high = gap + math.hypot(high_a - trained, unseen - low_b)
        return f" (95 % interval {low:.3f} to {high:.3f})"

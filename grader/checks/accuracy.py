"""accuracy: a metric on examples the student has not seen; credit grows in a straight line.

Credit is (value − zero)/(full − zero), held in [0, 1]. The 95 % interval of a share is Wilson's:
E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Choice, Rejected
from builder.errors import Cause
from builder.fields import Count, Real
from builder.training.metrics import classification as known
from builder.training.metrics.metric import Metric, metrics
from grader.check import Brief, Check, Subject
from grader.exchange import Examples, Findings, Role, Task
from grader.outcome import Failed, Outcome, Passed
from grader.running.predictions import misfit, predicted, prediction_task
from grader.submission.submission import Submission

_SHARES: Final = (known.accuracy, known.top_5_accuracy)
_NORMAL_95: Final = 1.959964


@final
class accuracy(Check):
    """A metric of the submitted network on examples the student has not seen.

    At ``zero`` or worse there is no credit, at ``full`` or better all of it, and a straight line between;
    either may be the larger, as the metric wants. The weights are the ``submitted`` ones. The assignment's
    `data` and `preprocess` are used, never the submission's; what `Standardize` learned comes with the
    weights. Outputs that are no finite numbers get no credit.

    A network that says something at each step of a sequence is judged on all real steps, padding left out; its
    vocabulary must be the data's. A forecast is judged in the units of its source.
    """

    reads: ClassVar[tuple[Role, ...]] = ("model", "weights")
    needs_examples: ClassVar[bool] = True

    accepts: ClassVar[tuple[Accepted, ...]] = (
        Accepted("{zero: 0.8, full: 0.97}"),
        Accepted("{metric: f1, weights: submitted, zero: 0.5, full: 0.9}"),
        Accepted("{metric: rmse, zero: 2.0, full: 0.5}"),
    )
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("{zero: 0.9, full: 0.9}", "`zero` and `full` are both 0.9"),
        Rejected("{zero: 0.97, full: 0.8}", "`accuracy` is better when higher, and `full` is below `zero`"),
        Rejected("{zero: 0.8}", "`accuracy` needs `full`"),
        Rejected(
            "{zero: 0.8, full: 0.9, weights: trained_here}", "`weights: trained_here` is not available yet"
        ),
    )

    metric: Annotated[Metric, Choice(metrics)] = known.accuracy()
    weights: Literal["submitted", "trained_here"] = "submitted"
    seeds: Count | None = None
    zero: Real
    full: Real

    @model_validator(mode="after")
    def _possible(self) -> Self:
        name = type(self.metric).__name__
        if self.weights == "trained_here":
            raise Cause("`weights: trained_here` is not available yet", "Use `submitted`.", field="weights")
        if self.seeds is not None:
            raise Cause("`seeds` is for `weights: trained_here`, which is not available yet", field="seeds")
        if self.zero == self.full:
            raise Cause(f"`zero` and `full` are both {self.zero:g}", field="full")
        if (self.full > self.zero) != (self.metric.better == "higher"):
            side = "below" if self.full < self.zero else "above"
            raise Cause(
                f"`{name}` is better when {self.metric.better}, and `full` is {side} `zero`",
                "Swap the two.",
                field="full",
            )
        return self

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """A submission gets the inputs without their labels; the reference predicts nothing."""
        examples, network = brief.examples, subject.network
        assert examples is not None, "the runner loads what `needs_examples` asks for"
        wrong = misfit(network, examples, self.metric)
        return wrong if wrong is not None or subject.is_reference else prediction_task(network, examples)

    def without_answers(self) -> Self:
        """Hides ``zero`` and ``full``, which would tell what accuracy is expected."""
        low, high = (0.0, 1.0) if self.metric.better == "higher" else (1.0, 0.0)
        return self.model_copy(update={"zero": low, "full": high})

    def work(self, task: Task, submission: Submission) -> Findings:
        """``outputs``: one row for each target, in the units of the source."""
        return Findings(arrays={"outputs": predicted(task, submission)})

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Credit is (value − zero)/(full − zero), held in [0, 1]; outputs that are not finite fail."""
        examples = brief.examples
        assert examples is not None, "they were there in `prepare`"
        outputs, targets = found.arrays["outputs"], examples.targets
        assert len(outputs) == len(targets), "one output for each target"
        wrong = int((~np.isfinite(outputs.reshape(len(outputs), -1))).any(axis=1).sum())
        if wrong:
            return Failed(
                "outputs that are finite numbers",
                f"not-a-number or infinity for {wrong:,} of {len(outputs):,} {_named(examples)}",
                "The training may have diverged: look at its loss, and lower the learning rate.",
                direction="outputs that are no finite numbers",
            )
        value = self.metric.of(outputs, targets)
        credit = (value - self.zero) / (self.full - self.zero)
        told = self._told(value, len(targets), _named(examples))
        if credit >= 1:
            return Passed(told)
        higher = self.metric.better == "higher"
        return Failed(
            f"{type(self.metric).__name__} of at {'least' if higher else 'most'} {self.full:g}",
            told,
            fraction=max(credit, 0.0) if math.isfinite(credit) else 0.0,
            direction=f"{type(self.metric).__name__} is too {'low' if higher else 'high'}",
        )

    def _told(self, value: float, targets: int, named: str) -> str:
        """The receipt: the figure, what it is of, and its 95 % interval where it is a share."""
        if not isinstance(self.metric, _SHARES):
            return f"{value:.4g} on {targets:,} {named}"
        right = round(value * targets)
        low, high = wilson(right, targets)
        crossed = [f"`{name}`" for name in ("zero", "full") if low < getattr(self, name) < high]
        luck = f"; luck alone may cross {' and '.join(crossed)}" if crossed else ""
        of = f"{targets:,}" if named == "examples" else f"{targets:,} {named}"
        return f"{right:,} of {of} = {value:.4g} (95 % interval {low:.3f} to {high:.3f}{luck})"


def _named(examples: Examples) -> str:
    """What the targets are counted in."""
    return "steps" if examples.per_step else "examples"


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, Wilson's score interval.

    >>> [round(bound, 3) for bound in wilson(934, 1000)]
    [0.917, 0.948]
    """
    share, z2 = right / total, _NORMAL_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _NORMAL_95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)

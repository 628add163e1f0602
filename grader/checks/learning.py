"""learning: a network learns from its first weights on, when it is trained here."""

from __future__ import annotations

import math
from typing import ClassVar, Final, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Positive
from builder.shapes import TensorType
from grader.check import Brief, Check, Subject
from grader.exchange import Array, Findings, Task
from grader.outcome import Failed, Outcome, Passed
from grader.outline import Outline
from grader.running.predictions import misfit, output_of
from grader.running.trained_here import loss_of_a_constant, loss_on, trained_here, training_task
from grader.submission.submission import Submission

MOST_STEPS: Final = 10_000
MOST_SEEDS: Final = 9


@final
class learning(Check):
    """Trained here for a few steps, your network brings the loss down.

    After `steps` batches of the assignment's training part, trained as the assignment's `train` says from the
    framework's first weights for your network, the loss must be `factor` times lower than it was, in the median
    of `seeds` trainings. What it was is the loss at the start, or that of the best answer that is the same for
    every example, whichever is lower: a bad start makes no fall. What you handed in as weights is not used; so
    the check must need an accuracy, in the assignment.
    """

    needs_training: ClassVar[bool] = True
    needs_train: ClassVar[bool] = True
    needs_accuracy: ClassVar[bool] = True

    accepts: ClassVar[tuple[Accepted, ...]] = (
        Accepted("{steps: 100, factor: 2}"),
        Accepted("{steps: 50, factor: 1.5, seeds: 3}"),
    )
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("{steps: 100}", "`learning` needs `factor`"),
        Rejected("{steps: 100, factor: 1}", "a loss that falls by a factor of 1 does not fall"),
        Rejected("{steps: 0, factor: 2}", "expected a whole number of at least 1, found 0"),
        Rejected("{steps: 20000, factor: 2}", "expected at most 10,000 `steps`, found 20,000"),
        Rejected("{steps: 10, factor: 2, seeds: 10}", "expected at most 9 `seeds`, found 10"),
    )

    steps: Count
    factor: Positive
    seeds: Count = 1

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.factor <= 1:
            raise Cause(f"a loss that falls by a factor of {self.factor:g} does not fall", field="factor")
        for name, most in (("steps", MOST_STEPS), ("seeds", MOST_SEEDS)):
            if (number := getattr(self, name)) > most:
                raise Cause(f"expected at most {most:,} `{name}`, found {number:,}", field=name)
        return self

    def without_answers(self) -> Self:
        """Hides ``factor``; the number of steps and seeds stays."""
        return self.model_copy(update={"factor": 2.0})

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The training part and the `train` section; ``Failed`` if the output does not fit the loss."""
        examples, train, network = brief.training, brief.train, subject.network
        assert examples is not None and train is not None, "the runner loads what the check needs"
        wrong = misfit(network, examples)
        if wrong is not None or subject.is_reference:
            return wrong
        try:
            train.loss.check(_row(network, examples.per_step), examples.target)
        except Cause as cause:
            return Failed(f"an output for {type(train.loss).__name__}", cause.problem, cause.hint)
        return training_task(network, brief, self.steps, self.seeds)

    def work(self, task: Task, submission: Submission) -> Findings:
        """Outputs before and after training, ``before.0``, ``after.0``…, for each seed."""
        first = int(task.parameters["train"].get("seed", 0))
        arrays: dict[str, Array] = {}
        for place in range(self.seeds):
            before, after = trained_here(task, submission, self.steps, first + place)
            arrays |= {f"before.{place}": before, f"after.{place}": after}
        return Findings(arrays=arrays)

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """The median over the seeds of start/end; credit grows from a factor of 1 to ``factor`` in a straight line."""
        constant = loss_of_a_constant(brief, found.arrays["before.0"].shape[1:])
        falls = []
        for place in range(self.seeds):
            before, after = (loss_on(brief, found.arrays[f"{when}.{place}"]) for when in ("before", "after"))
            start = min(before, constant) if math.isfinite(before) else constant
            falls.append((start / after if after > 0 else math.inf, before, after))
        falls.sort(key=lambda fall: fall[0] if math.isfinite(fall[2]) else 0.0)
        fall, before, after = falls[(len(falls) - 1) // 2]
        told = (
            f"a loss of {after:.4g} after {self.steps:,} steps, from {before:.4g}; the same answer for every "
            f"example has {constant:.4g}"
        )
        if not math.isfinite(after):
            return Failed("a loss that is a finite number", told, "Smaller first weights train more calmly.")
        if fall >= self.factor:
            return Passed(f"{told}: {fall:.3g} times lower")
        return Failed(
            f"a loss {self.factor:g} times lower",
            told,
            "Layers that are frozen, saturated or dead at the start learn nothing; look at `init`, at the "
            "activations and at normalisation.",
            fraction=max((fall - 1) / (self.factor - 1), 0.0),
            direction="the loss hardly falls",
        )


def _row(network: Outline, per_step: bool) -> TensorType:
    """One row of output: that of an example, or of a step."""
    output = output_of(network)
    return TensorType(output.shape[1:], output.vocabulary) if per_step else output

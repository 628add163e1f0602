"""What a check is: prepare outside, work inside a worker, judge outside.

    assignment ── prepare ──▶ Task ──▶ work, in the submission's worker ──▶ Findings ─┐
                     │                                                                ├─▶ judge ──▶ Outcome
                     └──────▶ Task ──▶ work, in the reference's worker  ──▶ Findings ─┘

A task goes to where a submission is open, so it never holds labels of unseen examples, reference outputs or
another's files; of the reference, `robustness` hands on the inputs that were attacked on it.
The reference goes the same way, in a worker of its own, once for the whole class. A check that is judged from
the outlines alone (``shapes``, ``parameters``) prepares nothing (``None``), and no worker is asked.

A check is one file in ``grader/checks``; its class has the name that an assignment writes, in lower case.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from builder.component import Catalogue, Component
from builder.data.info import Target
from builder.data.section import Data
from builder.shapes import TensorType
from grader.outcome import Outcome
from grader.outline import Outline

if TYPE_CHECKING:
    from builder.training.losses.loss import Loss
    from builder.training.section import Train
    from grader.comparing.cell_equality import Comparer
    from grader.submission.submission import Submission

Array = NDArray[Any]
Role = Literal["model", "weights", "answers", "gradients"]
ROLES: Final[tuple[Role, ...]] = ("model", "weights", "answers", "gradients")


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is asked: JSON and arrays. Never labels of unseen examples, reference outputs or another's files.

    ``operations`` is the planned cost in multiply-adds, judged against the limit before anything is built;
    ``values`` is how many numbers the work holds at once, weights aside (activations of all examples).
    ``seconds`` of processor time are allowed where that is more than the limit: the assignment says so.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    operations: int = 0
    values: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """What a worker found: JSON and arrays. It comes from a process that opened a student's file: check
    names, shapes and dtypes before use."""

    data: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allow:
    """What a submission may use: layer types (none: all; cells of its own always), and how many numbers its text
    may hold."""

    layers: tuple[str, ...] | None = None
    literal_numbers: int | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """The assignment's unseen examples: only ``inputs`` and ``lengths`` may be given to a worker.

    ``inputs``: float32, N×C×H×W (or N×T×features, N×features), before the final `Rescale` and `Standardize`;
    or int64, N×T, tokens below ``vocabulary``. ``labels``: N (per step N×T) whole numbers, or reals, as
    ``target`` says, in the units of their source. ``affine`` names those final steps, and ``preprocessing`` is
    what they come to, in JSON; none if they must be fitted: then it comes with the student's weights.
    Sequences padded at the end are ``lengths`` long (int64, N).
    """

    inputs: Array
    labels: Array
    target: Target
    affine: tuple[str, ...] = ()
    preprocessing: str | None = None
    lengths: Array | None = None
    vocabulary: int | None = None

    @property
    def kind(self) -> TensorType:
        """What one example is; where they are of unequal lengths, its first axis is free."""
        shape = self.inputs.shape[1:]
        return TensorType(shape if self.lengths is None else ("T", *shape[1:]), self.vocabulary)

    @property
    def per_step(self) -> bool:
        """Whether there is a target for each step."""
        return self.target.steps is not None

    @property
    def targets(self) -> Array:
        """One row for each target, N or N×…; of targets per step, those of all real steps: M or M×…."""
        if not self.per_step:
            return self.labels
        steps = self.labels.shape[1]
        ends = np.full(len(self.labels), steps) if self.lengths is None else self.lengths
        real: Array = self.labels[np.arange(steps) < ends[:, None]]
        return real


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged: a submission, or (``is_reference``) the reference whose findings the others are held
    against.

    ``outline`` is none if there is no valid model: a check that does not read the model may meet that.
    ``files`` are the submitted files that are there.
    """

    outline: Outline | None
    files: frozenset[Role] = frozenset()
    is_reference: bool = False

    @property
    def network(self) -> Outline:
        """The outline, for a check that reads the model: such a check runs only where ``valid`` passed."""
        assert self.outline is not None, "a check that uses the model says so in `reads`"
        return self.outline


@dataclass(frozen=True, slots=True)
class Question:
    """The assignment's side, in the grading process only.

    ``folder`` is the assignment's: the files that a check names stand in it. ``reference`` is none where a
    student checks his own folder; ``examples`` is none where the assignment has no `data`; ``loss``
    is that of its `train`. ``comparer`` tells which cells mean the same: absent, it works here.

    ``training`` are the data's training part: students have it, so its labels may go to a worker; those of
    ``examples`` never do. ``train`` and ``data`` are the assignment's sections. ``found`` is what the
    reference's worker found for this check, nothing yet while it is asked.
    """

    folder: Path
    reference: Outline | None = None
    examples: Examples | None = None
    allow: Allow = Allow()
    loss: Loss | None = None
    comparer: Comparer | None = None
    training: Examples | None = None
    train: Train | None = None
    data: Data | None = None
    found: Findings = Findings()

    @property
    def required(self) -> Outline:
        """The reference's outline, for a check that is judged against it."""
        assert self.reference is not None, "a check that uses the reference says so in `needs_reference`"
        return self.reference


class Check(Component):
    """One kind of check. Its fields are the keys that an assignment may write below its name.

    The runner makes a file of ``reads`` that is missing a failure with that said, and blocks a check that
    reads the model unless ``valid`` passed. No step raises for what a submission did: ``prepare`` returns the
    outcome at once (``Blocked``), ``work`` raises ``Refusal``, ``judge`` returns. Any other exception is our
    fault: ``Broken``.

    Before a class is graded the reference is judged as if it were a submission, by every check whose files it
    has; it must pass, or the question is wrong.
    """

    @property
    def reads(self) -> tuple[Role, ...]:
        """The submitted files that this check opens. The reference may lack all but the model."""
        return ("model",)

    @property
    def parts(self) -> float | None:
        """What the points of its parts sum to, which must be the check's; none if they have none."""
        return None

    def how_to(self, role: Role) -> str | None:
        """How a student makes a file of ``reads``, for one who has handed in none."""
        return None

    @property
    def needs_reference(self) -> bool:
        """Whether it is judged against the reference, so that a student cannot run it at home."""
        return False

    @property
    def needs_examples(self) -> bool:
        """Whether it is judged on the assignment's unseen examples."""
        return False

    @property
    def takes_networks(self) -> bool:
        """Whether it judges a spec of several networks too, such as a GAN."""
        return False

    @property
    def needs_training(self) -> bool:
        """Whether it reads the data's training part."""
        return False

    @property
    def needs_train(self) -> bool:
        """Whether it trains here, as the assignment's section `train` says."""
        return False

    @property
    def needs_accuracy(self) -> bool:
        """Whether a network that has learned nothing could pass it, so that it must need an `accuracy`."""
        return False

    @property
    def reference_needs(self) -> tuple[Role, ...]:
        """The files that the reference must have beside its model."""
        return ()

    def without_answers(self) -> Self:
        """The check as workers have it: it works the same, and nothing in it tells what is right."""
        return self

    def suits(self, data: Data, folder: Path) -> None:
        """Raises ``Cause``, with the field, if it cannot be asked on such data (paths relative to ``folder``)."""
        return

    @abstractmethod
    def prepare(self, question: Question, subject: Subject) -> Task | Outcome | None:
        """What the worker is asked; none if there is nothing to ask; an outcome if that settles it.

        Runs outside, once for the reference's findings (``subject.is_reference``) and once for each
        submission. Raises ``RunError`` if the assignment itself is wrong (a file of ``given`` does not fit).
        """

    @abstractmethod
    def work(self, task: Task, submission: Submission) -> Findings:
        """Computes, inside the worker, in one thread. Imports torch inside. Raises ``Refusal``."""

    @abstractmethod
    def judge(self, question: Question, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Compares, outside. Findings are empty where ``prepare`` gave no task; the reference's also where
        there is no reference."""


checks: Final[Catalogue[Check]] = Catalogue("check", "grader.checks", Check)

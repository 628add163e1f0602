"""What a check is: prepare outside, work inside a worker, judge outside.

    assignment ── prepare ──▶ Task ──▶ work, in the submission's worker ──▶ Findings ─┐
                     │                                                                ├─▶ judge ──▶ Outcome
                     └──────▶ Task ──▶ work, in the reference's worker  ──▶ Findings ─┘

A task goes to where a submission is open, so it never holds labels of unseen examples, reference outputs or
another's files; of the reference, `robustness` hands on the inputs that were attacked on it.
The reference goes the same way, in a worker of its own, once for the whole class. A check that is judged from
the outlines alone (``shapes``, ``parameters``, ``structure``) has no ``work``: ``prepare`` returns None, and no
worker runs.

A check is one file in ``grader/checks``; its class has the name that an assignment writes, in lower case.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from builder.component import Catalogue, Component
from builder.data.section import Data
from grader.exchange import Allow, Comparer, Examples, Findings, Role, Task
from grader.outcome import Outcome
from grader.outline import Outline

if TYPE_CHECKING:
    from builder.training.losses.loss import Loss
    from builder.training.section import Train
    from grader.submission.submission import Submission


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged: a submission, or (``is_reference``) the reference.

    The findings of the reference are what submissions are compared with. ``outline`` is None if there is no valid
    model: a check that does not read the model may meet that.
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
class Brief:
    """The assignment's side, in the grading process only.

    ``folder`` is the assignment's: the files that a check names stand in it. ``reference`` is None where a
    student checks his own folder; ``examples`` is None where the assignment has no `data`; ``loss``
    is that of its `train`. ``comparer`` decides which cells mean the same; None: in this process.

    ``training`` are the data's training part: students have it, so its labels may go to a worker; those of
    ``examples`` never do. ``train`` and ``data`` are the assignment's sections. ``found`` is what the
    reference's worker found for this check, nothing yet while it is asked.
    """

    folder: Path
    reference: Outline | None = None
    examples: Examples | None = None
    allow: Allow = field(default_factory=Allow)
    loss: Loss | None = None
    comparer: Comparer | None = None
    training: Examples | None = None
    train: Train | None = None
    data: Data | None = None
    found: Findings = field(default_factory=Findings)

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

    What is the same for every check of a kind is a class variable (``takes_networks: ClassVar[bool] = True``).
    ``reads``, ``parts`` and ``needs_reference`` may depend on a field; a check where they do not writes
    ``needs_reference: ClassVar[bool] = True`` in place of the property.
    """

    takes_networks: ClassVar[bool] = False
    """Whether it judges a spec of several networks too, such as a GAN."""

    needs_examples: ClassVar[bool] = False
    """Whether it is judged on the assignment's unseen examples."""

    needs_training: ClassVar[bool] = False
    """Whether it reads the data's training part."""

    needs_train: ClassVar[bool] = False
    """Whether it trains here, as the assignment's section `train` says."""

    needs_accuracy: ClassVar[bool] = False
    """Whether a network that has learned nothing could pass it, so that it must need an `accuracy`."""

    reference_needs: ClassVar[tuple[Role, ...]] = ()
    """The files that the reference must have beside its model."""

    @property
    def reads(self) -> tuple[Role, ...]:
        """The submitted files that this check opens. The reference may lack all but the model."""
        return ("model",)

    @property
    def needs_reference(self) -> bool:
        """Whether it is judged against the reference, so that a student cannot run it at home."""
        return False

    @property
    def parts(self) -> float | None:
        """What the points of its parts sum to, which must be the check's; None if they have none."""
        return None

    def how_to(self, role: Role) -> str | None:
        """How a student makes a file of ``reads``, for one who has handed in none."""
        return None

    def without_answers(self) -> Self:
        """The check as workers have it: it works the same, and nothing in it tells what is right."""
        return self

    def suits(self, data: Data, folder: Path) -> None:
        """Raises ``Cause``, with the field, if it cannot be asked on such data (paths relative to ``folder``)."""
        return

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """What the worker is asked; None if there is nothing to ask; an outcome if that settles it.

        Runs outside, once for the reference's findings (``subject.is_reference``) and once for each
        submission. Raises ``RunError`` if the assignment itself is wrong (a file of ``given`` does not fit).
        """
        return None

    def work(self, task: Task, submission: Submission) -> Findings:
        """Computes, inside the worker, in one thread. Imports torch inside. Raises ``Refusal``."""
        raise AssertionError("it is judged from the outlines alone")

    @abstractmethod
    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Compares, outside.

        Findings are empty where ``prepare`` gave no task; the reference's also where there is no reference.
        """


checks: Final[Catalogue[Check]] = Catalogue("check", "grader.checks", Check)

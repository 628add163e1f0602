"""The plain data that goes between the grading process and its workers, and what a check is judged with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from builder.data.info import Target
from builder.shapes import TensorType

if TYPE_CHECKING:
    from builder.cells.cell import Cell
    from builder.cells.meaning.equality import Counterexample, Equal

Array = NDArray[Any]
Role = Literal["model", "weights", "answers", "gradients"]
ROLES: Final[tuple[Role, ...]] = ("model", "weights", "answers", "gradients")


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker gets: JSON and arrays.

    It never holds labels of unseen examples, reference outputs or another's files.

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
    """What a worker found: JSON and arrays.

    It comes from a process that opened a student's file: check names, shapes and dtypes before use.
    """

    data: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allow:
    """What a submission may use: layer types, and how many numbers its text may hold.

    None allows all. Cells that the student wrote are always allowed.
    """

    layers: tuple[str, ...] | None = None
    literal_numbers: int | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """The assignment's unseen examples: only ``inputs`` and ``lengths`` may be given to a worker.

    ``inputs``: float32, N×C×H×W (or N×T×features, N×features), before the final `Rescale` and `Standardize`;
    or int64, N×T, tokens below ``vocabulary``. ``labels``: N (per step N×T) whole numbers, or reals, as
    ``target`` says, in the units of their source. ``affine`` names those final steps, and ``preprocessing`` is
    what they come to, in JSON; None if they must be fitted: then it comes with the student's weights.
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


class Comparer(Protocol):
    """Decides whether two cells mean the same."""

    def compare(self, one: Cell, other: Cell) -> Equal | Counterexample | None:
        """How the cells correspond, or numbers that tell them apart; None if deciding would cost too much.

        Raises ``RunError`` if the comparison itself went wrong.
        """

"""What a submission may cost; over a limit it fails, with that limit named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from builder.errors import DataError
from builder.shapes import count
from grader.exchange import Task
from grader.outcome import Failed
from grader.outline import Outline

MODEL_BYTES: Final = 1 << 20
ANSWERS_BYTES: Final = 1 << 20
HEADER_BYTES: Final = 1 << 20
FLOAT64: Final = 8
MOST_EQUATIONS: Final = 64  # of a cell: the largest that ships has 9
COMPARISON_SECONDS: Final = 20  # for two cells


@dataclass(frozen=True, slots=True)
class Limits:
    """What one step (a check's work) may take.

    ``seconds`` of processor time and ``wall_seconds`` by the clock; ``memory`` in bytes beyond what torch
    itself maps; ``operations`` in multiply-adds, planned, before anything is built; ``arrays`` in bytes, of
    one file of arrays or of what a worker sends back.
    """

    seconds: int = 60
    wall_seconds: float = 120.0
    memory: int = 2 << 30
    operations: int = 200 * 10**9
    arrays: int = 256 << 20

    def lasting(self, seconds: int) -> Limits:
        """These limits with more time, where ``seconds`` of processor time are more than theirs."""
        longer = max(seconds, self.seconds)
        return replace(self, seconds=longer, wall_seconds=self.wall_seconds * longer / self.seconds)

    def refuse(self, outline: Outline | None, task: Task) -> Failed | None:
        """The failure of a task that would cost too much, or None. Nothing is built to know it.

        Raises ``DataError`` for one that hands over more data than may be: the assignment's fault.
        """
        most = self.operations * max(task.seconds, self.seconds) // self.seconds
        if task.operations > most:
            worst = max(outline.layers, key=lambda layer: layer.multiply_adds) if outline else None
            where = f"; most of it in `{worst.name}`" if worst else ""
            return Failed(
                f"at most {most:,} multiply-adds for this check (the limit of planned cost)",
                f"{task.operations:,}{where}",
                "A smaller network, or more stride or pooling before the wide layers, costs less.",
            )
        # Weights twice (read, and in the network), in float64, as the checks hold them.
        planned = FLOAT64 * (task.values + 2 * sum_of_state(outline))
        if planned > self.memory:
            return Failed(
                f"at most {_mebibytes(self.memory)} of memory for this check (the limit of planned memory)",
                _mebibytes(planned),
                "A smaller network needs less.",
            )
        given = sum(array.nbytes for array in task.arrays.values())
        if given > self.arrays:
            raise DataError(
                f"the data that a check needs fills {_mebibytes(given)}, and {_mebibytes(self.arrays)} are allowed",
                "Fewer examples, or smaller ones: `Resize`, or a `split` with a smaller `train`.",
            )
        return None


def sum_of_state(outline: Outline | None) -> int:
    """How many values the whole state of a network holds."""
    return sum(count(shape) for shape in outline.state.values()) if outline else 0


def _mebibytes(size: int) -> str:
    return f"{-(-size // (1 << 20)):,} MiB"

"""Whether two cells mean the same, found out in a worker that holds both and no submission.

A submission's equations leave its worker as text and are read again here. Comparing them takes numbers, and
time that grows with what was written: so it is done in a fresh process under the limits of every other step,
once for each pair of cells in a class. The submission's own worker never sees the reference's equations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, Final, final

import numpy as np

from builder.cells.cell import Cell
from builder.cells.meaning.correspondence import Leaf
from builder.cells.meaning.equality import Counterexample, Equal
from builder.cells.shipped import shipped_cell
from builder.errors import RunError
from grader.exchange import Findings, Task
from grader.outcome import Broken, Failed
from grader.outline import revived

COMPARISON: Final = -1  # in place of a check's number
_ARRAYS: Final = ("x", "one_output", "other_output")
_WEIGHTS: Final = ("one_weights", "other_weights")

Ask = Callable[[Task], Findings | Failed | Broken]


def known_cell(name: str) -> Cell | None:
    """A cell of the shipped library, or one of torch's, as ``LSTM`` or ``nn.LSTM``; None if there is none.

    Torch's have one bias where its two are only ever added, as a lecturer writes them: it is the same function,
    and a student's weights then all have a counterpart.
    """
    return shipped_cell(name) or _textbook().get(name.removeprefix("nn."))


# torch.nn.GRU's, in which the reset gate acts after `U`: the library's ChoGRU is another function.
_GRU: Final[dict[str, Any]] = {
    "states": ["h"],
    "gates": {
        "r": "sigmoid(W @ x + U @ h_prev + b)",
        "z": "sigmoid(W @ x + U @ h_prev + b)",
        "n": "tanh(W @ x + b + r * (U @ h_prev + b_h))",
    },
    "update": {"h": "(1 - z) * n + z * h_prev"},
}


@cache
def _textbook() -> dict[str, Cell]:
    written = {"GRU": _GRU}
    for name, shipped in (("LSTM", "VanillaLSTM"), ("RNN", "ElmanRNN")):
        cell = shipped_cell(shipped)
        assert cell is not None, "the library has it"
        written[name] = cell.written
    return {name: revived(name, equations) for name, equations in written.items()}


@final
class CellComparer:
    """Compares cells, each pair once. ``ask`` hands the work to a worker; None: it is done in this process."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask: Final = ask or compared
        self._known: Final[dict[str, Findings | Failed]] = {}
        self._lock: Final = Lock()

    def compare(self, one: Cell, other: Cell) -> Equal | Counterexample | None:
        """How they correspond, or numbers that tell them apart; None if deciding would cost too much.

        Raises ``RunError`` if it went wrong on our side.
        """
        pair = {"one": _plain(one), "other": _plain(other)}
        if pair["one"] == pair["other"]:
            return _same(one, other)
        key = json.dumps(pair)
        with self._lock:
            known = self._known.get(key)
        answer = known or self._ask(Task(pair))
        if isinstance(answer, Broken):
            raise RunError(f"the cells `{one.name}` and `{other.name}` could not be compared: {answer.error}")
        with self._lock:
            self._known[key] = answer
        return None if isinstance(answer, Failed) else _read(answer.data, one, other)


class Comparison:
    """The work of comparing, inside a worker."""

    def work(self, task: Task, submission: object) -> Findings:
        """Compares a task's two cells; no submission is looked at."""
        return compared(task)


def compared(task: Task) -> Findings:
    """A task's two cells, compared: needs torch."""
    from builder.runtime.cells.equality import equal_in_meaning

    one, other = (revived(side, task.parameters[side]) for side in ("one", "other"))
    found = equal_in_meaning(one, other)
    if isinstance(found, Equal):
        told = [
            [leaf.name, leaf.part, [[factor, source.name, source.part] for factor, source in combination]]
            for leaf, combination in found.parameters.items()
        ]
        return Findings({"states": dict(found.states), "parameters": told})
    numbers = {name: getattr(found, name).tolist() for name in _ARRAYS}
    weights = {
        name: {key: array.tolist() for key, array in getattr(found, name).items()} for name in _WEIGHTS
    }
    return Findings(numbers | weights | {"difference": min(found.difference, 1e300)})


def _plain(cell: Cell) -> dict[str, Any]:
    return {key: value for key, value in cell.written.items() if key != "init"}


def _same(one: Cell, other: Cell) -> Equal:
    leaves = [
        Leaf(name, part)
        for name, parameter in one.parameters.items()
        for part in (range(len(parameter.columns)) if parameter.kind == "matrix" else (None,))
    ]
    names = {name: name for name in one.state_names}
    return Equal(one, other, names, {leaf: ((1.0, leaf),) for leaf in leaves})


def _read(data: dict[str, Any], one: Cell, other: Cell) -> Equal | Counterexample:
    if "states" in data:
        parameters = {
            Leaf(name, part): tuple((float(factor), Leaf(*source)) for factor, *source in combination)
            for name, part, combination in data["parameters"]
        }
        return Equal(one, other, data["states"], parameters)
    arrays: dict[str, Any] = {name: np.array(data[name], np.float64) for name in _ARRAYS}
    weights = {
        name: {key: np.array(values, np.float64) for key, values in data[name].items()} for name in _WEIGHTS
    }
    return Counterexample(difference=float(data["difference"]), **(arrays | weights))

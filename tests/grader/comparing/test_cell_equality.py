"""Cells are compared once for each pair of spellings, wherever that is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.cells.meaning.equality import Counterexample, Equal
from builder.cells.shipped import shipped, shipped_cell
from builder.errors import RunError
from grader.comparing.cell_equality import COMPARISON, CellComparer, compared, known_cell
from grader.exchange import Findings, Task
from grader.outcome import Broken, Failed
from grader.outline import revived
from grader.submission.limits import Limits
from grader.worker.pool import Server, Session, describe

ONE: dict[str, Any] = {"states": ["h"], "update": {"h": "tanh(W @ x + U @ h_prev + b)"}}
SAME: dict[str, Any] = {"states": ["y"], "update": {"y": "tanh(b + W @ [x, y_prev])"}}
OTHER: dict[str, Any] = {"states": ["h"], "update": {"h": "relu(W @ x + U @ h_prev + b)"}}


class Counted:
    """Compares here, through JSON as a worker's channel does, and counts."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def __call__(self, task: Task) -> Findings:
        self.tasks.append(task)
        found = compared(Task(json.loads(json.dumps(task.parameters))))
        return Findings(json.loads(json.dumps(found.data)))


def test_what_was_found_comes_back_whole() -> None:
    comparer = CellComparer(Counted())
    one, same, other = (revived(name, text) for name, text in (("A", ONE), ("B", SAME), ("C", OTHER)))
    equal, apart = comparer.compare(one, same), comparer.compare(one, other)
    assert isinstance(equal, Equal) and equal.states == {"h": "y"}
    assert isinstance(apart, Counterexample)
    assert apart.one_output.shape == (3, 2) and apart.difference > 0.1


def test_a_pair_is_compared_once_whatever_it_is_called() -> None:
    ask = Counted()
    comparer = CellComparer(ask)
    for name in ("A", "B"):
        found = comparer.compare(revived(name, ONE), revived(name, SAME))
        assert isinstance(found, Equal) and found.one.name == name
    comparer.compare(
        revived("A", ONE), revived("B", ONE | {"init": {"b": "zeros_"}})
    )  # the same text: no question
    assert len(ask.tasks) == 1
    assert set(ask.tasks[0].parameters) == {"one", "other"}


def test_one_that_costs_too_much_is_not_compared_again() -> None:
    asked: list[Task] = []

    def ask(task: Task) -> Failed:
        asked.append(task)
        return Failed("an answer within 60 seconds", "none")

    comparer = CellComparer(ask)
    for _ in range(2):
        assert comparer.compare(revived("A", ONE), revived("B", OTHER)) is None
    assert len(asked) == 1


def test_what_went_wrong_on_our_side_is_no_answer() -> None:
    with pytest.raises(RunError, match="could not be compared: the worker ended"):
        CellComparer(lambda task: Broken("the worker ended")).compare(revived("A", ONE), revived("B", OTHER))


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_shipped_cell_is_known_by_its_name(name: str) -> None:
    assert known_cell(name) is shipped_cell(name) is not None


def test_a_comparison_of_many_gates_ends(server: Server, tmp_path: Path) -> None:
    """Twelve gates that are all alike can be paired in 479,001,600 ways: a bounded number is tried."""
    gates = {f"g{i}": "tanh(W @ x + b) * sigmoid(V @ x + b_2)" for i in range(12)}
    sums = [" + ".join(order) for order in (gates, reversed(gates))]
    one, other = ({"states": ["h"], "gates": gates, "update": {"h": text}} for text in sums)
    session = Session(server, describe(()), tmp_path, {}, Limits())
    try:
        answer = session.ask(COMPARISON, Task({"one": one, "other": other}))
    finally:
        session.close()
    assert isinstance(answer, Findings) and answer.data["states"] == {"h": "h"}


def test_cells_are_compared_in_a_worker(server: Server, tmp_path: Path) -> None:
    session = Session(server, describe(()), tmp_path, {}, Limits())
    try:
        answer = session.ask(COMPARISON, Task({"one": ONE, "other": SAME}))
    finally:
        session.close()
    assert isinstance(answer, Findings) and answer.data["states"] == {"h": "y"}

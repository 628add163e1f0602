"""What cells and their libraries bring with them stops nobody either."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from grader.outcome import Blocked, Failed, Passed

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

MODEL = """\
input: [T, 3]
cells: {Own: {states: [h], gates: {n: tanh(W @ x + U @ h_prev + b)}, update: {h: n * abs(n)}}}
layers: [{name: memory, Own: {hidden_size: 4, output: last}}]
"""
ASSIGNMENT = """\
gradspec: 1
assignment: cells
reference: reference.yaml
points: 2
checks:
  - {name: gates, structure: {gates: Own}, points: 1}
  - {forward: {}, points: 1}
"""


@pytest.fixture
def room(classroom: Classroom) -> Classroom:
    classroom.write(ASSIGNMENT, MODEL)
    classroom.submit("right", MODEL)
    return classroom


LEAVES = "leaves the folder of the file that names it"


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("a pipe", "expected a file, found a pipe"),
        ("a link outside", f"the path `cells.yaml` {LEAVES}"),
        ("another's", f"the path `../right/model.yaml` {LEAVES}"),
        ("a device", f"the path `cells.yaml` {LEAVES}"),
    ],
)
def test_a_library_is_a_file_of_ones_own(room: Classroom, what: str, problem: str) -> None:
    folder = room.submit("odd", "library: [cells.yaml]\n" + MODEL)
    path = folder / "cells.yaml"
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a link outside":
        path.symlink_to("/etc/passwd")
    elif what == "a device":
        path.symlink_to("/dev/zero")
    else:
        (folder / "model.yaml").write_text("library: [../right/model.yaml]\n" + MODEL)
    found = room.graded()
    assert all(isinstance(check.outcome, Passed) for check in found["right"].checks)
    valid, *others = (check.outcome for check in found["odd"].checks)
    # It was refused, not waited for: that would be the limit of time.
    assert isinstance(valid, Failed) and problem in valid.found
    assert all(isinstance(outcome, Blocked) for outcome in others)


@pytest.mark.parametrize("update", ["n / (n - n)", "exp(exp(exp(n)))", "log(n - 5)", "n ** 999"])
def test_gates_that_give_no_number_fail(room: Classroom, update: str) -> None:
    room.submit("odd", MODEL.replace("n * abs(n)", update))
    found = room.graded()["odd"]
    outcomes = {check.planned.name: check.outcome for check in found.checks}
    assert isinstance(outcomes["gates"], Failed), outcomes["gates"]
    assert isinstance(outcomes["forward"], Failed), outcomes["forward"]
    assert not found.broken


def test_ninety_cells_are_judged(room: Classroom) -> None:
    cells = "".join(
        f"  C{i}: {{states: [h], gates: {{n: tanh(W @ x + U @ h_prev + b)}}, update: {{h: n * {i + 2}}}}}\n"
        for i in range(90)
    )
    layers = "".join(f"  - C{i}: 4\n" for i in range(90))
    room.submit("many", f"input: [T, 3]\ncells:\n{cells}layers:\n{layers}")
    found = room.graded()["many"]
    assert not found.broken and found.points == 0

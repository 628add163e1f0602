"""Candidates by form, and assignments by what gates own. The answers: tests/builder/runtime/cells/test_equality.py."""

from __future__ import annotations

from builder.cells.cell import Cell
from builder.cells.meaning.correspondence import Leaf
from builder.cells.meaning.equality import assignments, candidates
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text

CELLS = """
One:
  states: [h]
  gates: {z: sigmoid(W @ x + b), n: tanh(W @ x + b)}
  update: {h: z * n + (1 - z) * h_prev}
Other:
  states: [h]
  gates: {n: tanh(b + W @ x), a: sigmoid(W @ x + b)}
  update: {h: (1 - a) * n + a * h_prev}
Third:
  states: [h]
  gates: {n: tanh(W @ x + b)}
  update: {h: n + h_prev}
"""


def cells() -> dict[str, Cell]:
    found = read_cells(read_text(CELLS).root, Report())
    return {name: cell for name, cell in found.items() if cell is not None}


def test_candidates_know_signs() -> None:
    named = cells()
    (found, *_) = candidates(named["One"], named["Other"])
    assert found.parameters[Leaf("a.W", 0)] == ((-1.0, Leaf("z.W", 0)),)
    assert found.parameters[Leaf("n.b")] == ((1.0, Leaf("n.b")),)
    assert not list(candidates(named["One"], named["Third"]))


def test_assignments_begin_with_namesakes() -> None:
    named = cells()
    ways = list(assignments(named["One"], named["Other"]))
    assert len(ways) == 2
    assert ways[0].parameters[Leaf("n.W", 0)] == ((1.0, Leaf("n.W", 0)),)
    assert len(list(assignments(named["Third"], named["One"]))) == 1

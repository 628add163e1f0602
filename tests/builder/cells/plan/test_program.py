"""What of a cell is worked out at once, scanned, or looped."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from builder.cells.cell import Cell
from builder.cells.plan.loop import Loop, Scale
from builder.cells.plan.program import Packed, Program, Scan, Whole, compile_cell, components
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.nodes import Mapping
from builder.language.source import read_file

RECURRENCES = {
    "VanillaLSTM": "matrix",
    "PeepholeLSTM": "matrix",
    "ChoGRU": "matrix",
    "MGU": "matrix",
    "SRU": "elementwise",
    "IndRNN": "elementwise",
    "QRNN": "linear",
    "MinGRU": "linear",
}


@pytest.fixture(scope="module")
def library() -> dict[str, Cell]:
    """The shipped cells."""
    root = read_file(Path(str(files("specs") / "library" / "cells.yaml"))).root
    assert isinstance(root, Mapping)
    return {name: one for name, one in read_cells(root.get("cells"), Report()).items() if one}


def loop_of(program: Program) -> Loop:
    (loop,) = [one for one in program.regions if isinstance(one, Loop)]
    return loop


@pytest.mark.parametrize("name", sorted(RECURRENCES))
def test_the_class_of_the_recurrence(library: dict[str, Cell], name: str) -> None:
    assert compile_cell(library[name]).recurrence == RECURRENCES[name]


def test_a_cell_is_compiled_once(library: dict[str, Cell]) -> None:
    assert compile_cell(library["MGU"]) is compile_cell(library["MGU"])


def test_an_lstm_is_one_product_per_operand(library: dict[str, Cell]) -> None:
    loop = loop_of(compile_cell(library["VanillaLSTM"]))
    assert [len(one.runs) for one in (*loop.static, *loop.operands)] == [1, 1]
    assert [one.runs[0][:2] for one in (*loop.static, *loop.operands)] == [(0, 4), (0, 4)]
    sigmoids = [one for one in loop.forward if one.function == "sigmoid"]
    assert [len(one.outs) for one in sigmoids] == [3]


def test_an_lstm_steps_back_in_five_calls(library: dict[str, Cell]) -> None:
    loop = loop_of(compile_cell(library["VanillaLSTM"]))
    assert len(loop.backward) <= 6
    assert sum(one.stop - one.start for one in loop.backward if isinstance(one, Scale)) == 4


def test_peepholes_run_as_lanes(library: dict[str, Cell]) -> None:
    loop = loop_of(compile_cell(library["PeepholeLSTM"]))
    assert [len(one.outs) for one in loop.forward if one.function == "addcmul"][:1] == [2]


def test_a_second_stage_for_what_is_made_within_the_step(library: dict[str, Cell]) -> None:
    loop = loop_of(compile_cell(library["ChoGRU"]))
    assert len(loop.operands) == 2
    assert [one.function for one in loop.forward if one.function in ("product", "lerp")].count("product") == 2


def test_weights_of_gates_of_x_alone_are_packed(library: dict[str, Cell]) -> None:
    program = compile_cell(library["QRNN"])
    wholes = [one for one in program.regions if isinstance(one, Whole)]
    packed = [step for whole in wholes for step in whole.steps if isinstance(step, Packed)]
    assert max(len(one.matrices) for one in packed) == 3
    assert any(isinstance(one, Scan) for one in program.regions)


def test_a_cell_without_recurrence_is_worked_out_at_once(cell: Callable[..., Cell]) -> None:
    made = cell("{states: [h], gates: {g: sigmoid(W @ x + b)}, update: {h: tanh(V @ g) + g}}")
    program = compile_cell(made)
    assert program.recurrence == "none"
    assert [type(one) for one in program.regions] == [Whole]


def test_what_a_later_recurrence_reads_is_worked_out_before_it(cell: Callable[..., Cell]) -> None:
    made = cell(
        "{states: [h, c], gates: {f: sigmoid(W @ x + b)},"
        " update: {c: f * c_prev + (1 - f) * (W @ x), h: tanh(U @ h_prev + V @ c)}}"
    )
    assert [type(one) for one in compile_cell(made).regions] == [Whole, Scan, Loop]


def test_a_linear_recurrence_through_a_gate_is_a_scan(cell: Callable[..., Cell]) -> None:
    made = cell("{states: [h], gates: {n: 0.5 * h_prev}, update: {h: n + W @ x}}")
    assert compile_cell(made).recurrence == "linear"


def test_a_square_is_not_linear(cell: Callable[..., Cell]) -> None:
    made = cell("{states: [h], update: {h: h_prev * h_prev + W @ x}}")
    assert compile_cell(made).recurrence == "elementwise"


def test_a_norm_of_the_state_is_not_linear(cell: Callable[..., Cell]) -> None:
    made = cell("{states: [h], update: {h: layer_norm(h_prev) + W @ x}}")
    assert compile_cell(made).recurrence == "elementwise"


def test_components_are_the_circles(cell: Callable[..., Cell]) -> None:
    made = cell("{states: [h, c], gates: {i: sigmoid(W @ x)}, update: {c: h_prev + i, h: tanh(c)}}")
    found = components({one.name: one.term for one in made.equations})
    assert sorted(map(sorted, found)) == [["c", "h"], ["i"]]

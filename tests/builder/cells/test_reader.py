"""Cells as they are read: what is owned, carried, ordered and how wide it is. Messages: tests/messages/cells_*."""

from __future__ import annotations

import textwrap

import pytest

from builder.cells.cell import Cell
from builder.cells.reader import read_cell, read_cells
from builder.cells.shown.typeset import typeset
from builder.cells.term import Name, Project, Read, Weight, parts
from builder.errors import Report
from builder.language.nodes import Mapping
from builder.language.source import read_text


def read(text: str) -> Cell:
    """The one cell of a text, which must be right."""
    report = Report()
    root = read_text(textwrap.dedent(text)).root
    cell = read_cell("Mine", root.place, root, report)
    report.raise_errors()
    assert cell is not None
    return cell


PEEPHOLE = """
    states: [h, c]
    parameters: {p: vector}
    gates:
      i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
      o: sigmoid(W @ x + U @ h_prev + p * c + b)
      f: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
      g: tanh(W @ x + U @ h_prev + b)
    update:
      h: o * tanh(c)
      c: f * c_prev + i * g
    init: {f.b: {constant_: 1.0}}
"""


def test_a_peephole_lstm() -> None:
    cell = read(PEEPHOLE)
    assert cell.states == ("h", "c")
    assert cell.output == "h"
    assert cell.carried == ("h", "c")
    own = [(gate, name) for gate in "iofg" for name in ("WUpb" if gate != "g" else "WUb")]
    assert list(cell.parameters) == [f"{gate}.{name}" for gate, name in own]
    assert cell.parameter_shapes(3, 5) == {
        f"{gate}.{name}": {"W": (5, 3), "U": (5, 5)}.get(name, (5,)) for gate, name in own
    }
    assert [one.name for one in cell.equations] == ["i", "f", "g", "c", "o", "h"]
    assert cell.equations[0].text == "sigmoid(W @ x + U @ h_prev + p * c_prev + b)"
    assert cell.multiply_adds(3, 5) == 4 * (3 * 5 + 5 * 5)
    assert cell.init is not None and list(cell.init.entries) == ["f.b"]
    assert cell.elementwise_x is None


def test_every_equation_reads_only_what_stands_before_it() -> None:
    cell = read("{states: [h], gates: {a: d + b, d: 2 * e, e: tanh(W @ x), k: d}, update: {h: a + k}}")
    known: set[str] = set()
    for equation in cell.equations:
        now = {p.name for p in parts(equation.term) if isinstance(p, Read) and not p.previous}
        assert now - {"x"} <= known
        known.add(equation.name)
    assert [one.name for one in cell.equations] == ["e", "d", "a", "k", "h"]


def test_no_name_is_left_as_written() -> None:
    for equation in read(PEEPHOLE).equations:
        assert not [part for part in parts(equation.term) if isinstance(part, Name)]


def test_concatenation_as_the_slides_write_it() -> None:
    cell = read("{states: [h], update: {h: 'tanh(W_h @ [h_prev, x] + b_h)'}}")
    assert cell.parameters["h.W_h"].columns == ("hidden", "input")
    assert cell.parameter_shapes(3, 5) == {"h.W_h": (5, 8), "h.b_h": (5,)}
    assert cell.parameters["h.b_h"].kind == "bias"


def test_another_gates_parameters_are_shared() -> None:
    cell = read(
        "{states: [h], parameters: {p: vector, s: scalar}, gates: {"
        "f: sigmoid(i.W @ x + i.p + i.b + i.s), i: sigmoid(W @ x + p + s + i.b)}, update: {h: f * i * h_prev}}"
    )
    assert list(cell.parameters) == ["i.W", "i.p", "i.s", "i.b"]
    assert cell.parameter_shapes(3, 5) == {"i.W": (5, 3), "i.p": (5,), "i.s": (), "i.b": (5,)}
    first = next(one for one in cell.equations if one.name == "f").term
    found = {
        p.matrix if isinstance(p, Project) else p.name
        for p in parts(first)
        if isinstance(p, Project | Weight)
    }
    assert found == {"i.W", "i.p", "i.b", "i.s"}
    assert cell.multiply_adds(3, 5) == 2 * 15  # two products with the one matrix


def test_a_gate_of_the_step_before_is_carried() -> None:
    cell = read(
        "{states: [c, h], gates: {i: tanh(W @ x + V @ f_prev), f: tanh(U @ i_prev)}, update: {c: c_prev + f, h: c}}"
    )
    assert cell.carried == ("c", "i", "f")
    assert cell.state_names == ("c", "h", "i", "f")
    assert cell.parameters["i.V"].columns == ("hidden",)


def test_a_cells_written_form_reads_to_the_same_cell() -> None:
    from builder.elaborate.resolve import to_yaml

    cell = read(PEEPHOLE)
    again = read(to_yaml(cell.written))
    assert again.written == cell.written
    assert again.parameters == cell.parameters
    assert [(e.name, e.term) for e in again.equations] == [(e.name, e.term) for e in cell.equations]


@pytest.mark.parametrize(
    ("equation", "offset"),
    [
        ("tanh(U @ h_prev + x)", 18),
        ("h_prev * tanh(2 * x)", 18),
        ("tanh(x)", 5),
        ("x", 0),
        ("W @ (h_prev + x)", 14),
        ("p * x", 4),
        ("W @ x + U @ h_prev", None),
        ("W @ tanh(2 * x) + layer_norm(U @ h_prev)", None),
        ("W @ [h_prev, maximum(x, 0)]", None),
    ],
)
def test_where_x_must_be_as_wide_as_the_state(equation: str, offset: int | None) -> None:
    declared = "parameters: {p: vector}, " if "p *" in equation else ""
    plain = read(f'{{states: [h], {declared}update: {{h: "{equation}"}}}}')
    found = plain.elementwise_x
    assert (found and (found[0].column, found[1])) == (
        offset if offset is None else (plain.equations[0].place.column, offset + 1)
    )


def test_numbers_alone_are_an_equation() -> None:
    cell = read("{states: [h], gates: {i: 1, f: .5}, update: {h: i * (W @ x) + f * h_prev}}")
    assert [one.text for one in cell.equations[:2]] == ["1", ".5"]


def test_first_states_may_be_learned() -> None:
    assert (
        read("{states: [h], update: {h: W @ x}, initial: learned, init: {initial: ones_}}").initial
        == "learned"
    )
    assert read("{states: [h], update: {h: W @ x}}").initial == "zeros"


@pytest.mark.parametrize(
    "text",
    [
        "???",
        "{states: ???, gates: {i: sigmoid(W @ x)}, update: {h: i * q_prev}}",
        "{states: [h, ???], gates: {i: sigmoid(W @ x)}, update: {h: i * q_prev}}",
        "{states: [h], gates: ???, update: {h: i * h_prev}}",
        "{states: [h], gates: {i: ???}, update: {h: i * h_prev + i.W @ x}}",
        "{states: [h], gates: {i: tanh(W @ x)}, update: ???}",
        "{states: [h], gates: {i: tanh(W @ x), unused: tanh(W @ x)}, update: {h: ???}}",
        "{states: [h], parameters: ???, update: {h: p * h_prev}}",
        "{states: [h], parameters: {p: ???}, update: {h: p * h_prev}}",
        "{states: [h], update: {h: W @ x}, init: ???}",
        "{states: [h], update: {h: W @ x}, initial: ???}",
    ],
)
def test_holes_are_no_errors(text: str) -> None:
    document = read_text(f"Mine: {text}")
    assert document.holes
    report = Report()
    cells = read_cells(document.root, report)
    assert report.errors == ()
    assert list(cells) == ["Mine"]
    assert cells["Mine"] is None or "init: ???" in text


def test_a_hole_hides_no_other_mistake() -> None:
    report = Report()
    read_cells(
        read_text("Mine: {states: [h], gates: {i: ???, f: sigmod(x)}, update: {h: i * f * q}}").root, report
    )
    assert [error.problem for error in report.errors] == [
        "there is no function `sigmod`",
        "there is no gate, state or parameter `q`",
    ]


def test_a_cell_that_reads_no_x_is_advised_against() -> None:
    report = Report()
    cells = read_cells(read_text("Mine: {states: [h], update: {h: tanh(U @ h_prev + b)}}").root, report)
    assert report.errors == ()
    assert cells["Mine"] is not None
    assert [one.problem for one in report.advice] == ["`Mine` never reads `x`: what arrives changes nothing"]


def test_an_error_stands_at_its_column_behind_quotes_too() -> None:
    for quote in ("", '"', "'"):
        report = Report()
        text = f"Mine:\n  states: [h]\n  update:\n    h: {quote}tanh(W @ x + hh){quote}\n"
        root = read_text(text).root
        assert isinstance(root, Mapping)
        read_cells(root, report)
        (error,) = report.errors
        assert (error.line, text.splitlines()[3][error.column - 1 :][:2]) == (4, "hh")


@pytest.mark.parametrize("sign", ["+", "-", "*"])
def test_a_sum_of_hundreds_is_read_ordered_and_typeset(sign: str) -> None:
    written = f"{sign}".join(["e", "h_prev"] * 200)
    found = read(f"states: [h]\nupdate:\n  h: {written}\ngates:\n  e: W @ x\n")
    assert [one.name for one in found.equations] == ["e", "h"]
    assert found.parameters["e.W"].columns == ("input",)
    assert typeset(found)[1].count("hₜ₋₁") == 200


def test_x_is_found_in_a_sum_of_hundreds() -> None:
    found = read(f"states: [h]\nupdate: {{h: '{'h_prev + ' * 199}x'}}")
    assert found.elementwise_x is not None and found.elementwise_x[1] == 1 + 9 * 199

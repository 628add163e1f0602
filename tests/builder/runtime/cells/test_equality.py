"""Cells that are the same function, with the weights' translation, and cells that are not, with numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from builder.cells.cell import Cell
from builder.cells.meaning.correspondence import Leaf
from builder.cells.meaning.equality import Counterexample, Equal
from builder.cells.meaning.recognition import recognise, torch_cells
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text
from builder.runtime.cells.equality import equal_in_meaning
from builder.runtime.cells.plain import unrolled

CELLS = """
Lecture:
  states: [h, c]
  gates:
    f: sigmoid(W_f @ [h_prev, x] + b_f)
    i: sigmoid(W_i @ [h_prev, x] + b_i)
    candidate: tanh(W_c @ [h_prev, x] + b_c)
    o: sigmoid(W_o @ [h_prev, x] + b_o)
  update: {c: f * c_prev + i * candidate, h: o * tanh(c)}
Other:
  states: [y, memory]
  gates:
    forget: 1 - sigmoid(W @ [x, y_prev] + b)
    new: -tanh(U @ y_prev + W @ x + b_1 + b_2)
    put: sigmoid(b + W @ x + U @ y_prev + 1)
    out: 1 / (1 + exp(-(W @ x + U @ y_prev + b)))
  update: {memory: put * new + memory_prev * forget, y: tanh(memory) * out}
Peephole:
  states: [h, c]
  parameters: {p: vector}
  gates:
    f: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
    i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
    g: tanh(W @ x + U @ h_prev + b)
    o: sigmoid(W @ x + U @ h_prev + p * c + b)
  update: {c: f * c_prev + i * g, h: o * tanh(c)}
PeepholeAgain:
  states: [h, c]
  parameters: {q: vector}
  gates:
    o: sigmoid(W @ x + U @ h_prev + c * q + b)
    g: tanh(W @ [x, h_prev] + b)
    k: sigmoid(W @ x + U @ h_prev - q * c_prev + b)
    i: sigmoid(W @ x + U @ h_prev + q * c_prev + b)
  update: {c: (1 - k) * c_prev + g * i, h: o * tanh(c)}
Cho:
  states: [h]
  gates:
    r: sigmoid(W @ x + U @ h_prev + b)
    z: sigmoid(W @ x + U @ h_prev + b)
    n: tanh(W @ x + U @ (r * h_prev) + b)
  update: {h: (1 - z) * n + z * h_prev}
ChoSwapped:
  states: [h]
  gates:
    u: sigmoid(W @ x + U @ h_prev + b)
    n: tanh(U @ (h_prev * r) + b + W @ x)
    r: sigmoid(W @ x + U @ h_prev + b)
  update: {h: u * n + (1 - u) * h_prev}
Torch:
  states: [h]
  gates:
    r: sigmoid(W @ x + U @ h_prev + b)
    z: sigmoid(W @ x + U @ h_prev + b)
    n: tanh(W @ x + r * (U @ h_prev) + b)
  update: {h: (1 - z) * n + z * h_prev}
Coupled:
  states: [h, c]
  gates:
    i: sigmoid(W @ x + U @ h_prev + b)
    g: tanh(W @ x + U @ h_prev + b)
    o: sigmoid(W @ x + U @ h_prev + b)
  update: {c: (1 - i) * c_prev + i * g, h: o * tanh(c)}
Shared:
  states: [h, c]
  gates:
    i: sigmoid(W @ x + U @ h_prev + b)
    f: sigmoid(i.W @ x + U @ h_prev + b)
    g: tanh(W @ x + U @ h_prev + b)
    o: sigmoid(W @ x + U @ h_prev + b)
  update: {c: f * c_prev + i * g, h: o * tanh(c)}
Doubled:
  states: [h]
  update: {h: 2 * sigmoid(2 * (W @ x + U @ h_prev)) - 1}
Elman:
  states: [h]
  update: {h: tanh(W @ x + U @ h_prev)}
"""


@pytest.fixture(scope="module")
def cells() -> dict[str, Cell]:
    report = Report()
    found = read_cells(read_text(CELLS).root, report)
    assert not report.errors, report.errors
    return {name: cell for name, cell in found.items() if cell is not None} | {
        f"nn.{kind}": cell for kind, cell in torch_cells().items()
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lecture", "Other"), ("Other", "Lecture"), ("Lecture", "nn.LSTM"), ("nn.LSTM", "Other"),
        ("Peephole", "PeepholeAgain"), ("Cho", "ChoSwapped"), ("Doubled", "Elman"),
    ],
)  # fmt: skip
def test_equal(cells: dict[str, Cell], one: str, other: str) -> None:
    """The translated weights make the other do the same, at other sizes too."""
    answer = equal_in_meaning(cells[one], cells[other])
    assert isinstance(answer, Equal)
    random = np.random.default_rng(0)
    weights = {n: random.standard_normal(s) for n, s in cells[one].parameter_shapes(3, 5).items()}
    theirs = answer.translated(weights, 3, 5)
    assert {n: a.shape for n, a in theirs.items()} == cells[other].parameter_shapes(3, 5)
    x = torch.from_numpy(random.standard_normal((2, 7, 3)))
    outputs = [
        unrolled(cells[name], {n: torch.from_numpy(a) for n, a in arrays.items()}, x)[0]
        for name, arrays in ((one, weights), (other, theirs))
    ]
    torch.testing.assert_close(outputs[0], outputs[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lecture", "Peephole"), ("Lecture", "Coupled"), ("Cho", "Torch"), ("Lecture", "Shared"),
        ("Lecture", "Cho"), ("nn.GRU", "Torch"), ("Elman", "nn.RNN_TANH"), ("Elman", "nn.RNN_RELU"),
    ],
)  # fmt: skip
def test_different(cells: dict[str, Cell], one: str, other: str) -> None:
    """The counterexample holds: its numbers, run again, are as far apart as it says."""
    answer = equal_in_meaning(cells[one], cells[other])
    assert isinstance(answer, Counterexample)
    assert answer.difference > 0.05
    for name, weights, output in (
        (one, answer.one_weights, answer.one_output),
        (other, answer.other_weights, answer.other_output),
    ):
        tensors = {n: torch.as_tensor(a, dtype=torch.float64) for n, a in weights.items()}
        again, _ = unrolled(cells[name], tensors, torch.from_numpy(answer.x)[None])
        np.testing.assert_allclose(again[0].numpy(), output)
    assert np.abs(answer.one_output - answer.other_output).max() == pytest.approx(answer.difference)


def test_only_what_must_differ_does(cells: dict[str, Cell]) -> None:
    """Gates that correspond have the same weights in a counterexample."""
    answer = equal_in_meaning(cells["Cho"], cells["Torch"])
    assert isinstance(answer, Counterexample)
    assert all((answer.one_weights[name] == answer.other_weights[name]).all() for name in answer.one_weights)


def test_says_what_corresponds(cells: dict[str, Cell]) -> None:
    answer = equal_in_meaning(cells["Lecture"], cells["Other"])
    assert isinstance(answer, Equal)
    assert answer.states == {"h": "y", "c": "memory"}
    assert answer.parameters[Leaf("forget.W", 0)] == ((-1.0, Leaf("f.W_f", 1)),)
    assert answer.parameters[Leaf("new.b_2")] == ()


@pytest.mark.parametrize(
    ("gates", "output"),
    [
        ({f"g{k}": "tanh(W @ x + U @ h_prev + b) * sigmoid(V @ x + b_2)" for k in range(9)}, None),
        ({f"g{k}": "tanh(W @ x + U @ h_prev + b)" for k in range(14)}, None),
        ({"g0": "tanh(W @ x)"} | {f"g{k}": f"tanh(g{k - 1} * sigmoid(g{k - 1}) + W @ x)" for k in range(1, 25)},
         "g24 + h_prev"),
    ],
    ids=["interchangeable", "many", "a chain that doubles"],
)  # fmt: skip
def test_cells_of_many_gates_are_compared_in_bounded_work(
    gates: dict[str, str], output: str | None, cell: Callable[[str], Cell]
) -> None:
    """All ways to match nine gates, or a chain written out, would not end within this test's life."""
    output = output or " + ".join(gates)

    def written(gates: dict[str, str]) -> Cell:
        lines = "".join(f"  {name}: {text}\n" for name, text in gates.items())
        return cell(f"states: [h]\ngates:\n{lines}update:\n  h: {output}\n")

    assert recognise(written(gates)) is None
    assert isinstance(equal_in_meaning(written(gates), written(gates)), Equal)
    last = list(gates)[-1]
    other = gates | {last: f"2 * ({gates[last]})"}
    assert isinstance(equal_in_meaning(written(gates), written(other)), Counterexample)


@pytest.mark.parametrize(
    "other",
    [
        "gates: {d: identity(h_prev), e: d_prev, f: e_prev, g: f_prev}\n"
        "update: {h: tanh(W @ x + U @ h_prev + b) + g_prev}",
        "update: {h: tanh(W @ x + U @ h_prev + b) + relu(x - 50)}",
        "update: {h: tanh(W @ x + U @ h_prev + b) + relu(x * x - 60)}",
        "update: {h: tanh(W @ x + U @ h_prev + b) + 0.0000000001 * x}",
        "update: {h: tanh(W @ x + U @ h_prev + b) / (1 + 0.0000000001 * abs(x))}",
        "update: {h: tanh(W @ x + U @ h_prev + b) + relu(b - 20)}",
    ],
    ids=["held back", "far", "far, squared", "tiny", "a tiny share", "large weights"],
)
def test_a_difference_that_hides_is_found(other: str, cell: Callable[[str], Cell]) -> None:
    """None of these differs on a few steps of standard normal numbers."""
    right = cell("states: [h]\nupdate: {h: tanh(W @ x + U @ h_prev + b)}\n")
    found = equal_in_meaning(right, cell(f"states: [h]\n{other}\n"))
    assert isinstance(found, Counterexample)
    assert found.difference > 0


def test_a_spelling_that_no_form_shows_is_confirmed_by_numbers(cell: Callable[[str], Cell]) -> None:
    right = cell("states: [h]\nupdate: {h: tanh(W @ x + U @ h_prev + b)}\n")
    other = cell("states: [h]\nupdate: {h: 2 * sigmoid(2 * (W @ x + U @ h_prev + b)) - 1}\n")
    assert isinstance(equal_in_meaning(right, other), Equal)

"""The meaning of cells, held against torch's layers and against onnx's own node tests."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from onnx.backend.test.case.node import gru, lstm, rnn
from torch import Tensor, nn

from builder.cells.cell import Cell
from builder.cells.reader import read_cells
from builder.cells.term import FUNCTIONS, OPERATORS
from builder.errors import Report
from builder.language.source import read_text
from builder.runtime.cells.plain import MEANING, step, unrolled

# ONNX's operators as cells; their gates, in the order of its packed arrays.
ONNX = """
RNN:
  states: [h]
  update: {h: tanh(W @ x + U @ h_prev + b_w + b_r)}
GRU:
  states: [h]
  gates:
    z: sigmoid(W @ x + U @ h_prev + b_w + b_r)
    r: sigmoid(W @ x + U @ h_prev + b_w + b_r)
    n: tanh(W @ x + U @ (r * h_prev) + b_w + b_r)
  update: {h: (1 - z) * n + z * h_prev}
LSTM:
  states: [h, c]
  parameters: {p: vector}
  gates:
    i: sigmoid(W @ x + U @ h_prev + p * c_prev + b_w + b_r)
    o: sigmoid(W @ x + U @ h_prev + p * c + b_w + b_r)
    f: sigmoid(W @ x + U @ h_prev + p * c_prev + b_w + b_r)
    g: tanh(W @ x + U @ h_prev + b_w + b_r)
  update: {c: f * c_prev + i * g, h: o * tanh(c)}
"""
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
GATES = {"RNN": "h", "GRU": "zrn", "LSTM": "iofg"}


def cells(text: str) -> dict[str, Cell]:
    report = Report()
    found = read_cells(read_text(text).root, report)
    assert not report.errors, report.errors
    return {name: cell for name, cell in found.items() if cell is not None}


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(cell: Cell, inputs: int, hidden: int) -> dict[str, Tensor]:
    shapes = cell.parameter_shapes(inputs, hidden)
    return {name: double(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}


@pytest.mark.parametrize(
    ("kind", "source"), [("RNN", rnn.RNN), ("GRU", gru.GRU), ("LSTM", lstm.LSTM)], ids=["RNN", "GRU", "LSTM"]
)
def test_equals_onnx_node_tests(kind: str, source: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults, initial biases, peepholes, lengths, batch first: what ONNX itself says these operators do."""
    cell = cells(ONNX)[kind]
    tried: list[str] = []

    def expect(node: Any, inputs: list[Any], outputs: list[Any], name: str) -> None:
        options = {one.name: one.s.decode() or one.i for one in node.attribute}
        given = dict(zip([name for name in node.input if name], map(torch.from_numpy, inputs), strict=True))
        named = dict(zip([name for name in node.output if name], map(torch.from_numpy, outputs), strict=True))
        batch_first = bool(options.get("layout"))
        x = given["X"] if batch_first else given["X"].transpose(0, 1)
        for side, reverse in enumerate(DIRECTIONS[str(options.get("direction", "forward"))]):
            weights = onnx_weights(kind, given, int(options["hidden_size"]), side)
            found, final = unrolled(cell, weights, x, (), given.get("sequence_lens"), reverse)
            if "Y" in named:
                y = named["Y"]
                expected = y[:, :, side] if batch_first else y[:, side].transpose(0, 1)
                torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
            last = named["Y_h"]
            torch.testing.assert_close(final[0], last[:, side] if batch_first else last[side])
        tried.append(name)

    monkeypatch.setattr(sys.modules[source.__module__], "expect", expect)
    for name in dir(source):
        if name.startswith("export"):
            getattr(source, name)()
    assert len(tried) >= 4


def onnx_weights(kind: str, given: dict[str, Tensor], hidden: int, side: int) -> dict[str, Tensor]:
    gates = GATES[kind]
    zeros = torch.zeros(2 * len(gates) * hidden)
    biases = given["B"][side] if "B" in given else zeros
    peepholes = given["P"][side] if "P" in given else zeros[: 3 * hidden]
    weights = {}
    for place, gate in enumerate(gates):
        rows = slice(place * hidden, (place + 1) * hidden)
        weights[f"{gate}.W"] = given["W"][side][rows]
        weights[f"{gate}.U"] = given["R"][side][rows]
        weights[f"{gate}.b_w"] = biases[: len(gates) * hidden][rows]
        weights[f"{gate}.b_r"] = biases[len(gates) * hidden :][rows]
        weights[f"{gate}.p"] = peepholes[rows]
    return weights


def test_padding_is_not_read() -> None:
    """Past its end a sequence's states stay and its output is zero, whatever stands there."""
    cell = cells(ONNX)["LSTM"]
    weights, x, lengths = drawn(cell, 3, 4), double(3, 5, 3), torch.tensor([2, 5, 0])
    strange = x.clone()
    strange[0, 2:], strange[2] = float("nan"), float("nan")
    for reverse in (False, True):
        output, final = unrolled(cell, weights, strange, (), lengths, reverse)
        alone, last = unrolled(cell, weights, x[:1, :2], (), None, reverse)
        torch.testing.assert_close(output[:1, :2], alone)
        assert not output[0, 2:].any() and not output[2].any()
        for state, expected in zip(final, last, strict=True):
            torch.testing.assert_close(state[:1], expected)
            assert not state[2].any()


def test_reverse_reads_from_the_own_end() -> None:
    cell = cells(ONNX)["RNN"]
    weights, x = drawn(cell, 3, 4), double(2, 5, 3)
    output, final = unrolled(cell, weights, x, reverse=True)
    turned, last = unrolled(cell, weights, x.flip(1))
    torch.testing.assert_close(output, turned.flip(1))
    torch.testing.assert_close(final, last)


def test_carried_gates_are_states() -> None:
    """Going on from all that is kept is the same as never having stopped."""
    cell = cells("""
Carrying:
  states: [h, c]
  gates: {i: sigmoid(W @ x + R @ i_prev + b)}
  update: {c: i * c_prev + i_prev, h: tanh(c + U @ h_prev)}
""")["Carrying"]
    assert cell.state_names == ("h", "c", "i")
    weights, x = drawn(cell, 2, 3), double(2, 6, 2)
    whole, last = unrolled(cell, weights, x)
    first, kept = unrolled(cell, weights, x[:, :4])
    second, final = unrolled(cell, weights, x[:, 4:], kept)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(final, last)


def test_a_step_tells_every_gate() -> None:
    cell = cells(ONNX)["GRU"]
    made = step(cell, drawn(cell, 3, 4), double(2, 3), {"h": double(2, 4)})
    assert set(made) == {"z", "r", "n", "h"}
    assert all(value.shape == (2, 4) for value in made.values())


def test_knows_every_function() -> None:
    assert set(MEANING) == set(FUNCTIONS) | set(OPERATORS)


def test_layer_norm_is_torchs() -> None:
    cell = cells("N: {states: [h], update: {h: layer_norm(W @ x)}}")["N"]
    weights, x = drawn(cell, 3, 4), double(2, 1, 3)
    expected = nn.LayerNorm(4, dtype=torch.float64)(x @ weights["h.W"].T)
    torch.testing.assert_close(unrolled(cell, weights, x)[0], expected)

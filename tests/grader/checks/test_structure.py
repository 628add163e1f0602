"""structure: types that are named, and gates that mean what they should, however they are written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from builder import loads
from builder.errors import RunError
from builder.runtime.cells.plain import unrolled
from grader.comparing.cell_equality import known_cell
from grader.outcome import Failed, Outcome, Passed

Judge = Callable[..., Outcome]

NETWORK = """\
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 2, kernel_size: 3}}, ReLU, {Conv2d: {out_channels: 2, kernel_size: 3}}, Flatten]
"""
GRU = """\
input: [T, 2]
cells:
  Memory:
    states: [h]
    gates:
      r: sigmoid(W @ x + U @ h_prev + b)
      z: sigmoid(W @ x + U @ h_prev + b)
      n: tanh(W @ x + b + r * (U @ h_prev + b_h))
    update:
      h: (1 - z) * n + z * h_prev
layers:
  - {name: reader, Memory: {hidden_size: 3, output: last}}
"""
OTHER_WORDS = """\
input: [T, 2]
cells:
  Mine:
    states: [y]
    gates:
      fresh: sigmoid(W @ [y_prev, x] + b)
      new: tanh(W @ x + b + part * (U @ y_prev + b_2))
      part: sigmoid(b_1 - W @ x + b_2 + U @ y_prev)
    update:
      y: y_prev + fresh * (new - y_prev)
layers:
  - {name: rows, Mine: {hidden_size: 3, output: last}}
"""
CHO = GRU.replace("r * (U @ h_prev + b_h)", "U @ (r * h_prev)")


@pytest.mark.parametrize(
    ("check", "fraction", "direction"),
    [
        ("{require: [ReLU, Conv2d]}", 1, None),
        ("{require: [ReLU, Dropout]}", 1 / 2, "a `Dropout` is missing"),
        ("{forbid: [LSTM]}", 1, None),
        ("{forbid: [LSTM, ReLU], require: [Conv2d]}", 2 / 3, "`ReLU` is not allowed here"),
        ("{count: {Conv2d: 2, ReLU: {min: 1}, Flatten: {max: 1}}}", 1, None),
        ("{count: {Conv2d: 1}}", 0, "too many `Conv2d`"),
        ("{count: {Conv2d: {min: 3, max: 5}, ReLU: 1}}", 1 / 2, "too few `Conv2d`"),
    ],
)
def test_types_are_required_forbidden_and_counted(
    judge: Judge, check: str, fraction: float, direction: str | None
) -> None:
    outcome = judge(f"structure: {check}", NETWORK, NETWORK)
    if direction is None:
        assert isinstance(outcome, Passed)
        return
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(fraction)
    assert outcome.direction == direction


def test_an_own_cell_is_not_torchs_of_that_name(judge: Judge) -> None:
    own = GRU.replace("Memory", "GRU")
    assert isinstance(judge("structure: {forbid: [GRU]}", own, own), Passed)
    outcome = judge("structure: {require: [GRU]}", own, own)
    assert isinstance(outcome, Failed) and outcome.hint == "Your own cell `GRU` is not torch's."
    torchs = "input: [T, 2]\nlayers: [{GRU: 3}]\n"
    assert isinstance(judge("structure: {forbid: [GRU]}", own, torchs), Failed)


@pytest.mark.parametrize(
    ("equal_to", "model", "passes"),
    [
        ("nn.GRU", GRU, True),
        ("GRU", GRU, True),
        ("nn.GRU", CHO, False),  # r after U is torch's, r before U the paper's
        ("ChoGRU", CHO, True),
        ("ChoGRU", GRU, False),
        ("nn.LSTM", GRU, False),
        ("Memory", OTHER_WORDS, True),
        ("reader", GRU, True),
    ],
)  # fmt: skip
def test_gates_are_judged_by_what_they_mean(judge: Judge, equal_to: str, model: str, passes: bool) -> None:
    outcome = judge(f"structure: {{gates: {{cell: Memory, equal_to: {equal_to}}}}}", GRU, model)
    assert isinstance(outcome, Passed if passes else Failed), outcome


def test_the_counterexample_is_what_the_cells_give(judge: Judge) -> None:
    """The shown numbers, worked out again with the shown weights."""
    outcome = judge("structure: {gates: {cell: Memory, equal_to: nn.GRU}}", GRU, CHO)
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    assert outcome.expected.startswith("a cell `Memory` that means the same as `nn.GRU`: h_1 = [")
    assert outcome.direction == "`Memory` does not mean what it should"
    assert outcome.hint is not None and outcome.detail is not None
    x = _numbers(outcome.hint, "x_")
    weights = {
        name: torch.tensor(_list(outcome.detail, f"{name} = "), dtype=torch.float64)
        for name in loads(CHO).cells["Memory"].parameters
    }
    found, _ = unrolled(loads(CHO).cells["Memory"], weights, torch.tensor(x, dtype=torch.float64)[None])
    np.testing.assert_allclose(found[0].numpy(), _numbers(outcome.found, "h_"), atol=1e-3)


def _numbers(text: str, name: str) -> list[list[float]]:
    return [_list(text, f"{name}{t} = ") for t in (1, 2, 3)]


def _list(text: str, after: str) -> list[float]:
    import json

    found: list[float] = json.JSONDecoder().raw_decode(text.split(after, 1)[1])[0]
    return found


def test_a_cell_that_is_missing_is_named(judge: Judge) -> None:
    outcome = judge("structure: {gates: Memory}", GRU, "input: [T, 2]\nlayers: [{GRU: 3}]\n")
    assert isinstance(outcome, Failed)
    assert (outcome.found, outcome.direction) == ("no cell", "the cell is missing")


def test_what_to_compare_with_must_be_known(judge: Judge) -> None:
    with pytest.raises(RunError, match=r"there is no cell `Memroy` in the reference"):
        judge("structure: {gates: {cell: Memory, equal_to: Memroy}}", GRU, GRU)


def test_torchs_cells_are_what_torch_does() -> None:
    for name, layer in (
        ("LSTM", torch.nn.LSTM(2, 3)),
        ("GRU", torch.nn.GRU(2, 3)),
        ("RNN", torch.nn.RNN(2, 3)),
    ):
        cell = known_cell(f"nn.{name}")
        assert cell is not None
        weights = {}
        for key in cell.parameters:
            gate, _, own = key.partition(".")
            order = {"LSTM": "ifgo", "GRU": "rzn", "RNN": "h"}[name]
            part = slice(3 * order.index(gate), 3 * order.index(gate) + 3)
            ih, hh = layer.bias_ih_l0[part], layer.bias_hh_l0[part]
            weights[key] = {
                "W": layer.weight_ih_l0[part],
                "U": layer.weight_hh_l0[part],
                "b": ih if f"{gate}.b_h" in cell.parameters else ih + hh,
                "b_h": hh,
            }[own]
        x = torch.randn(4, 5, 2)
        found, _ = unrolled(cell, weights, x)
        expected, _ = layer(x.transpose(0, 1))
        assert torch.allclose(found.transpose(0, 1), expected, atol=1e-6)

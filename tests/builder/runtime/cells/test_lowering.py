"""What is recognised runs as torch's own layer, and only if the numbers agree."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from builder import loads
from builder.cells.meaning.recognition import Match, recognise, torch_cells
from builder.runtime import build
from builder.runtime.cells import lowering


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
def test_runs_torchs_own_layer(kind: str) -> None:
    """The packed matrices are nn.LSTM's own, the biases as a sum, and the output is its."""
    cell = {str(one): cell for one, cell in torch_cells().items()}[kind]
    match = lowering.confirmed(cell)
    assert match is not None
    layer: nn.RNNBase = {
        "LSTM": nn.LSTM(3, 4, batch_first=True),
        "GRU": nn.GRU(3, 4, batch_first=True),
        "RNN_TANH": nn.RNN(3, 4, batch_first=True),
        "RNN_RELU": nn.RNN(3, 4, nonlinearity="relu", batch_first=True),
    }[kind]
    gates = lowering.GATES[match.kind]
    weights = {}
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        own = name.replace("weight", "W").replace("bias", "b")
        rows = getattr(layer, f"{name}_l0").detach().chunk(len(gates))
        weights |= {f"{gate}.{own}": row for gate, row in zip(gates, rows, strict=True)}
    x = torch.randn(2, 5, 3)
    states = {name: torch.zeros(1, 2, 4) for name in cell.states}
    flat, bias = lowering.assembled(match, [weights], x)
    assert bias
    assert all(torch.equal(flat[at], layer._flat_weights[at]) for at in (0, 1))
    if kind != "GRU":  # whose two biases of `n` are two
        torch.testing.assert_close(flat[2] + flat[3], layer.bias_ih_l0 + layer.bias_hh_l0)
    output, _ = lowering.run(match, [weights], x, states)
    torch.testing.assert_close(output, layer(x)[0])


def test_one_flat_array() -> None:
    """cuDNN wants all matrices, then all biases, in one piece."""
    cell = torch_cells()["LSTM"]
    match = recognise(cell)
    assert match is not None
    layers = [{n: torch.randn(s) for n, s in cell.parameter_shapes(4, 4).items()} for _ in range(2)]
    flat, _ = lowering.assembled(match, layers, torch.zeros(1, 1, 4))
    first = flat[0].data_ptr()
    matrices = [0, 1, 4, 5]
    offsets = [(one.data_ptr() - first) // 4 for one in flat]
    assert [offsets[at] for at in matrices] == [0, 64, 128, 192]
    assert [offsets[at] for at in range(8) if at not in matrices] == [256, 272, 288, 304]


def test_what_is_not_equal_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong candidate is found out by numbers."""
    cell = torch_cells()["LSTM"]

    def wrong(cell: object) -> Match:
        match = recognise(torch_cells()["LSTM"])
        assert match is not None
        swapped = {name: (one[1], one[0], *one[2:]) for name, one in match.blocks.items()}
        return dataclasses.replace(match, blocks=swapped)

    monkeypatch.setattr(lowering, "recognise", wrong)
    assert lowering.confirmed.__wrapped__(cell) is None


def test_x_that_cancels_needs_no_equal_widths_to_be_confirmed() -> None:
    spec = loads(
        "input: [T, 4]\ncells: {Own: {states: [h], update: {h: tanh(W @ x + U @ h_prev + b + 0 * x)}}}\n"
        "layers: [{Own: 4}]\n"
    )
    assert build(spec)(torch.zeros(2, 3, 4)).shape == (2, 3, 4)

"""`state_from` hands states over by name, whatever the order in which each side keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from builder import loads
from builder.runtime import build
from builder.runtime.cells.module import CellModule
from builder.runtime.cells.torch_recurrent import TorchRecurrent
from builder.runtime.export.export import export
from builder.runtime.network.module import Network

CELLS = {
    "HC": "{states: [h, c], gates: {f: sigmoid(W @ x + U @ h_prev + b)}, "
    "update: {c: f * c_prev + tanh(V @ x), h: tanh(c) * f}}",
    "CH": "{states: [c, h], gates: {f: sigmoid(W @ x + U @ h_prev + b)}, "
    "update: {h: f * h_prev + tanh(V @ x), c: c_prev - f * h}}",
    "H": "{states: [h], update: {h: tanh(W @ x + U @ h_prev + b)}}",
    "Q": "{states: [h], gates: {q: sigmoid(W @ x + R @ q_prev)}, "
    "update: {h: q * h_prev + (1 - q) * tanh(V @ x)}}",
    "QR": "{states: [h], gates: {r: sigmoid(W @ x + R @ r_prev), q: sigmoid(W @ x + R @ q_prev)}, "
    "update: {h: q * h_prev + r * tanh(V @ x)}}",
    "C": "{states: [h], gates: {c: sigmoid(W @ x + R @ c_prev)}, update: {h: c * h_prev + tanh(V @ x)}}",
}
WIDE = "{hidden_size: 4, num_layers: 2, bidirectional: true}"

# What gives its states, what begins with them, and those that are handed over, in the order of the second.
PAIRS = [
    ("HC: 4", "CH: 4", "c h"),
    ("CH: 4", "HC: 4", "h c"),
    (f"HC: {WIDE}", f"CH: {WIDE}", "c h"),
    (f"HC: {WIDE}", "CH: {hidden_size: 8, num_layers: 2}", "c h"),
    ("HC: 4", "H: 4", "h"),
    ("CH: 4", "GRU: 4", "h"),
    ("LSTM: 4", "H: 4", "h"),
    ("LSTM: 4", "GRU: 4", "h"),
    ("LSTM: 4", "CH: 4", "c h"),
    (f"LSTM: {WIDE}", f"PeepholeLSTM: {WIDE}", "h c"),
    ("CH: 4", "LSTM: 4", "h c"),
    ("Q: 4", "GRU: 4", "h"),
    ("Q: 4", "H: 4", "h"),
    ("Q: 4", "Q: 4", "h q"),
    ("QR: 4", "Q: 4", "h q"),
    ("Q: 4", "QR: 4", "h"),
    ("H: 4", "Q: 4", "h"),
    ("Q: 4", "Q: {hidden_size: 4, initial: learned}", "h q"),
    ("H: 4", "Q: {hidden_size: 4, initial: learned}", "h"),
    ("LSTM: {hidden_size: 6, proj_size: 4}", "C: 4", "h"),  # the gate is no state, and narrower
]


def _network(*pairs: tuple[str, str]) -> Network:
    """Pairs of `giver` and `taker`, called `giver_0` and `taker_0` and so on; random weights in float64."""
    types = {layer.partition(":")[0] for pair in pairs for layer in pair}
    cells = "".join(f"\n  {name}: {cell}" for name, cell in CELLS.items() if name in types)
    layers = "".join(
        f"\n  - {{name: giver_{i}, from: source, {giver}}}"
        f"\n  - {{name: taker_{i}, from: target, state_from: giver_{i}, {taker}}}"
        for i, (giver, taker) in enumerate(pairs)
    )
    outputs = ", ".join(f"giver_{i}, taker_{i}" for i in range(len(pairs)))
    text = f"inputs: {{source: [S, 3], target: [T, 3]}}\nlayers:{layers}\noutputs: [{outputs}]\n"
    network = build(loads(text + (f"cells:{cells}" if cells else ""))).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-1, 1)
    return network


@pytest.mark.parametrize(("giver", "taker", "handed"), PAIRS)
def test_states_are_handed_over_by_name(giver: str, taker: str, handed: str) -> None:
    network = _network((giver, taker))
    source, target = torch.randn(2, 5, 3).double(), torch.randn(2, 4, 3).double()
    gives, takes = network.get_submodule("giver_0"), network.get_submodule("taker_0")
    assert isinstance(gives, CellModule | TorchRecurrent)
    ends = dict(zip(gives.state_names, gives.unroll(source, None, ())[1], strict=True))
    wanted = takes(target, None, *(ends[name] for name in handed.split()))
    found = network(source, target)
    assert isinstance(found, dict)
    torch.testing.assert_close(found["taker_0"], wanted)


def test_an_exported_network_hands_over_the_same(tmp_path: Path) -> None:
    network = _network(("HC: 4", "CH: 4"), ("LSTM: 4", "GRU: 4"), ("QR: 4", "Q: 4")).float()
    export(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    source, target = torch.randn(2, 6, 3), torch.randn(2, 3, 3)
    lengths = torch.tensor([6, 2])
    given = {"source": source, "target": target, "source_lengths": lengths}
    given["target_lengths"] = torch.tensor([1, 3])
    with torch.no_grad():
        wanted = network(**given)
    assert isinstance(wanted, dict)
    found = session.run(list(wanted), {name: value.numpy() for name, value in given.items()})
    for one, other in zip(found, wanted.values(), strict=True):
        assert isinstance(other, Tensor)
        np.testing.assert_allclose(np.asarray(one), other.numpy(), atol=1e-5)

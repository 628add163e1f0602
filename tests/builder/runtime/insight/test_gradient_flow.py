"""Losses to be followed back: random ones, and a spec's own on its data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from builder import loads
from builder.errors import RunError
from builder.runtime import build
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.data.splits import load_part
from builder.runtime.insight.gradient_flow import EXAMPLES, drawn, follow, own_question, random_question
from builder.shapes import TensorType

TAGGER = """
input: {shape: [T], vocabulary: 9}
layers:
  - Embedding: 5
  - {name: first, GRU: 6}
  - {name: second, VanillaLSTM: {hidden_size: 6, bidirectional: true}}
  - Linear: 4
"""
ADDING = """
data: {source: {AddingProblem: {length: 12, examples: 200}}}
input: [12, 2]
layers: [{ElmanRNN: {hidden_size: 4, output: last}}, {Linear: 1}]
train: {loss: MSELoss, optimizer: {SGD: {lr: 0.1}}, epochs: 1, device: cpu}
"""


def test_inputs_are_drawn_from_a_seed() -> None:
    types = {"x": TensorType(("T", 3)), "words": TensorType(("S",), 9)}
    first, again, other = drawn(types, 7, 0), drawn(types, 7, 0), drawn(types, 7, 1)
    assert first["x"].shape == (EXAMPLES, 7, 3) and first["words"].shape == (EXAMPLES, 7)
    assert first["words"].dtype == torch.int64 and 0 <= first["words"].min() <= first["words"].max() < 9
    assert torch.equal(first["x"], again["x"]) and not torch.equal(first["x"], other["x"])


def test_the_last_layer_and_its_last_state_unless_named() -> None:
    spec = loads(TAGGER)
    network = build(spec)
    flow = follow(network, random_question(network, spec, 8))
    assert (flow.layer, flow.state, len(flow.norms)) == ("second", "c", 8)
    assert flow.share(0) == 1
    assert flow.share(7) == flow.norms[0] / flow.norms[-1]
    named = follow(network, random_question(network, spec, 8), "first", "z")
    assert (named.layer, named.state) == ("first", "z")
    assert named.seen.cell.name == "GRU"


def test_only_the_last_step_is_asked_for() -> None:
    """Back to front, the last step is the first that is read: nothing of the others reaches it."""
    spec = loads(TAGGER)
    network = build(spec)
    question = random_question(network, spec, 8)
    back = follow(network, question, "second", "h", reverse=True)
    assert back.norms[0] > 0 and not back.norms[1:].any()
    assert follow(network, question, "second", "h").norms.all()


def test_the_specs_own_loss() -> None:
    spec = loads(ADDING)
    network = build(spec)
    part = load_part(spec.data, spec.folder, "test", Preprocessing())  # type: ignore[arg-type]
    flow = follow(network, own_question(network, spec, Preprocessing()))
    assert flow.loss == "MSELoss at the end of 16 examples of the test part"
    x, y = part.x[:EXAMPLES].double(), part.y[:EXAMPLES]
    inner = network.elman_rnn_1
    h = [torch.zeros(EXAMPLES, 4, dtype=torch.float64)]
    for t in range(12):
        h.append(torch.tanh(x[:, t] @ inner.h.W.mT + h[-1] @ inner.h.U.mT + inner.h.b))
    loss = (network.linear_1(h[-1]) - y).square().mean()
    expected = [float(torch.linalg.vector_norm(one)) for one in torch.autograd.grad(loss, h[1:])]
    np.testing.assert_allclose(flow.norms, expected, rtol=1e-5)  # the loss itself computes in float32


def test_what_cannot_be_asked() -> None:
    spec = loads(ADDING)
    network = build(spec)
    with pytest.raises(RunError, match="reads 12 steps, not 30"):
        random_question(network, spec, 30)
    bare = loads(TAGGER)
    with pytest.raises(RunError, match="no loss to follow"):
        own_question(build(bare), bare, Preprocessing())
    flat = loads("input: [4]\nlayers: [{Linear: 2}]")
    network = build(flat)
    with pytest.raises(RunError, match="no recurrent layer"):
        follow(network, random_question(network, flat, 5))


def test_sequences_of_unequal_lengths(tmp_path: Path) -> None:
    """Padding has no gradient: the loss counts real steps alone."""
    sentences = ["a\tX\nb\tY\n", "a\tX\n", "b\tY\na\tX\nb\tY\n"] * 6
    (tmp_path / "tagged.tsv").write_text("\n".join(sentences), encoding="utf-8")
    text = """
data: {source: {Tokens: {path: tagged.tsv, minimum: 1}}, split: {train: 0.5, test: 0.5}}
input: {shape: [T], vocabulary: 3}
layers: [{Embedding: 4}, {name: memory, LSTM: 5}, {Linear: 2}]
train: {loss: CrossEntropyLoss, optimizer: {SGD: {lr: 0.1}}, epochs: 1, device: cpu}
"""
    spec = loads(text, folder=tmp_path)
    network = build(spec)
    flow = follow(network, own_question(network, spec, Preprocessing()), state="h")
    assert flow.loss == "CrossEntropyLoss at every step of 9 examples of the test part"
    assert flow.seen.values["h"].shape == (9, 3, 5)
    reached = flow.seen.gradients["h"].abs().sum(dim=2) > 0
    assert sorted(reached.sum(dim=1).tolist()) == [1, 1, 1, 2, 2, 2, 3, 3, 3]

"""A recurrent layer that means the same gets the same weights, and gives its gradients back in the same terms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from builder import loads
from builder.runtime.network.module import build
from grader.comparing.injection import draw, recipe
from grader.comparing.matching import Matching, match
from grader.comparing.translation import Piece, assembled, pulled_back
from grader.outcome import Blocked
from grader.outline import Outline

HEAD = "input: [T, 3]\n"
TAIL = "layers:\n  - {{name: memory, {kind}: {{hidden_size: 4{more}}}}}\n"

LSTM = """\
cells:
  Cell:
    states: [h, c]
    gates:
      i: sigmoid(W @ x + U @ h_prev + b)
      f: sigmoid(W @ x + U @ h_prev + b)
      g: tanh(W @ x + U @ h_prev + b)
      o: sigmoid(W @ x + U @ h_prev + b)
    update: {c: f * c_prev + i * g, h: o * tanh(c)}
"""
OTHER = """\
cells:
  Cell:
    states: [y, s]
    gates:
      out: sigmoid(b + W @ [y_prev, x])
      drop: sigmoid(W @ x + U @ y_prev + b_1 + b_2)
      new: tanh(b - W @ [x, y_prev])
      write: sigmoid(W @ x + b + U @ y_prev)
    update: {s: s_prev - drop * s_prev + write * new, y: tanh(s) * out}
"""
NAMES_THAT_LIE = LSTM.replace("c: f * c_prev + i * g", "c: i * c_prev + f * g")
GRU = """\
cells:
  Cell:
    states: [h]
    gates:
      n: tanh(W @ x + b + r * (U @ h_prev + b_h))
      keep: 1 - sigmoid(W @ x + U @ h_prev + b)
      r: sigmoid(W @ [h_prev, x] + b)
    update: {h: (1 - keep) * n + keep * h_prev}
"""


def spec(cells: str, more: str = "", kind: str = "Cell") -> str:
    return HEAD + cells + TAIL.format(kind=kind, more=more)


TORCHS_LSTM, TORCHS_GRU = spec("", kind="LSTM"), spec("", kind="GRU")
PAIRS = {
    "other words": (spec(LSTM), spec(OTHER)),
    "and back": (spec(OTHER), spec(LSTM)),
    "names that lie": (spec(LSTM), spec(NAMES_THAT_LIE)),
    "torch's for own": (TORCHS_LSTM, spec(OTHER)),
    "own for torch's": (spec(OTHER), TORCHS_LSTM),
    "without biases": (spec("", ", bias: false", "LSTM"), spec(LSTM.replace(" + b)", ")"))),
    "GRU": (TORCHS_GRU, spec(GRU)),
    "two layers, both ways": (
        spec("", ", num_layers: 2, bidirectional: true", "LSTM"),
        spec(OTHER, ", num_layers: 2, bidirectional: true"),
    ),
    "learned beginnings": (spec(LSTM, ", initial: learned"), spec(OTHER, ", initial: learned")),
}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
def test_both_give_the_same_values_and_gradients(ours: str, theirs: str) -> None:
    """With the reference's weights, translated: outputs and pulled-back gradients agree with its own."""
    one, other = loads(ours), loads(theirs)
    reference, submission = (Outline.of(s.graph, s) for s in (one, other))
    matching = match(reference, submission)
    assert isinstance(matching, Matching)
    pieces = [Piece.from_json(piece.to_json()) for piece in matching.pieces(reference)]
    drawn = draw(recipe(reference), seed=3)
    translated = assembled(pieces, drawn, submission.state)
    assert {key: array.shape for key, array in translated.items()} == submission.state
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 5, 3)))
    outputs, gradients = [], []
    for s, weights in ((one, drawn), (other, translated)):
        network = build(s, 0).double().eval()
        network.load_state_dict({key: torch.from_numpy(array) for key, array in weights.items()})
        output = network(x)
        output.square().sum().backward()
        outputs.append(output.detach().numpy())
        gradients.append({key: tensor.grad.numpy() for key, tensor in network.named_parameters()})
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-12)
    pulled = pulled_back(pieces, gradients[1], reference.state)
    assert pulled.keys() == reference.state.keys()
    for key, wanted in gradients[0].items():
        np.testing.assert_allclose(pulled[key], wanted, atol=1e-12, err_msg=key)


def test_gates_that_mean_something_else_under_other_names_do_not_fit() -> None:
    wrong = spec(OTHER.replace("tanh(s) * out", "s * out"))
    found = match(*(Outline.of(loads(text).graph) for text in (spec(LSTM), wrong)))
    assert isinstance(found, Blocked)
    assert found.by == "memory" and found.reason.endswith("its gates do not mean what they should")


def test_gates_that_mean_something_else_under_the_same_names_get_the_weights_as_they_are() -> None:
    wrong = spec(LSTM.replace("f: sigmoid", "f: tanh"))
    reference, submission = (Outline.of(loads(text).graph) for text in (spec(LSTM), wrong))
    found = match(reference, submission)
    assert isinstance(found, Matching) and not found.translations
    drawn = draw(recipe(reference), seed=0)
    given = assembled(found.pieces(reference), drawn, submission.state)
    assert given.keys() == drawn.keys()
    for key, array in given.items():
        np.testing.assert_array_equal(array, drawn[key])


def test_sizes_must_be_equal_too() -> None:
    one = Outline.of(loads(spec(LSTM)).graph)
    for more in (", num_layers: 2", ", bidirectional: true", ", initial: learned"):
        found = match(one, Outline.of(loads(spec(OTHER, more)).graph))
        assert isinstance(found, Blocked) and "gates" not in found.reason


def test_an_encoder_and_a_decoder_are_told_apart_by_their_states() -> None:
    """Both have the same equations and sizes: only which one begins with the other's states differs."""
    text = """\
inputs: {{source: [T, 3], target: [S, 3]}}
layers:
  - {{name: {a}, from: source, LSTM: 3}}
  - {{name: {b}, from: target, state_from: {a}, LSTM: 3}}
outputs: [{b}]
"""
    one = Outline.of(loads(text.format(a="encoder", b="decoder")).graph)
    other = Outline.of(loads(text.format(a="decoder", b="encoder")).graph)
    found = match(one, other)
    assert isinstance(found, Matching)
    assert found.layers == {"encoder": "decoder", "decoder": "encoder"}


def test_a_final_state_is_read_by_name() -> None:
    text = """\
input: [T, 3]
layers:
  - {name: memory, LSTM: 4}
  - {name: a, from: memory.h, Linear: 4}
  - {name: b, from: memory.c, Linear: 4}
  - Concat: [a, b]
"""
    swapped = (
        text.replace("memory.h", "memory.x").replace("memory.c", "memory.h").replace("memory.x", "memory.c")
    )
    swapped = swapped.replace("[a, b]", "[b, a]")
    found = match(*(Outline.of(loads(t).graph) for t in (text, swapped)))
    assert isinstance(found, Matching) and found.layers == {"memory": "memory", "a": "b", "b": "a"}

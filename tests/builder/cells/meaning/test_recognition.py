"""Spellings of torch's layers that are recognised, and near misses that are not, with what they differ in."""

from __future__ import annotations

from typing import Final

import pytest

from builder.cells.cell import Cell
from builder.cells.meaning.recognition import recognise, torch_cells
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text

LSTM: Final = {
    "i": "sigmoid(W @ x + U @ h_prev + b)",
    "f": "sigmoid(W @ x + U @ h_prev + b)",
    "g": "tanh(W @ x + U @ h_prev + b)",
    "o": "sigmoid(W @ x + U @ h_prev + b)",
    "c": "f * c_prev + i * g",
    "h": "o * tanh(c)",
}
GRU: Final = {
    "r": "sigmoid(W @ x + U @ h_prev + b)",
    "z": "sigmoid(W @ x + U @ h_prev + b)",
    "n": "tanh(W @ x + b + r * (U @ h_prev + b_h))",
    "h": "(1 - z) * n + z * h_prev",
}

# What is changed, and what is then recognised.
SPELLINGS: Final[list[tuple[str, dict[str, str], dict[str, str]]]] = [
    ("LSTM", LSTM, {}),
    ("LSTM", LSTM, {gate: f"sigmoid(W_{gate} @ [h_prev, x] + b_{gate})" for gate in "ifo"}),
    ("LSTM", LSTM, {"g": "tanh(W @ [x, h_prev] + b)"}),
    ("LSTM", LSTM, {"i": "sigmoid(b + U @ h_prev + W @ x)"}),
    ("LSTM", LSTM, {"i": "sigmoid(W @ x + b_1 + U @ h_prev + b_2)"}),
    ("LSTM", LSTM, {"i": "sigmoid(W @ x + U @ h_prev)"}),
    ("LSTM", LSTM, {"f": "sigmoid(W @ x + U @ h_prev + b + 1)"}),
    ("LSTM", LSTM, {"f": "1 - sigmoid(W @ x + U @ h_prev + b)"}),
    ("LSTM", LSTM, {"f": "sigmoid(-(W @ x) - U @ h_prev - b)"}),
    ("LSTM", LSTM, {"f": "1 / (1 + exp(-(W @ x + U @ h_prev + b)))"}),
    ("LSTM", LSTM, {"g": "-tanh(W @ x + U @ h_prev + b)"}),
    ("LSTM", LSTM, {"g": "tanh(-(W @ x + U @ h_prev) + b)"}),
    ("LSTM", LSTM, {"c": "i * g + c_prev * f"}),
    ("LSTM", LSTM, {"c": "c_prev - (1 - f) * c_prev + g * i"}),
    ("LSTM", LSTM, {"c": "f * c_prev + g - i * g"}),
    ("LSTM", LSTM, {"h": "tanh(c) * o"}),
    ("LSTM", LSTM, {"h": "-o * tanh(-c)"}),
    ("LSTM", LSTM, {"h": "o * tanh(f * c_prev + i * g)"}),
    ("LSTM", LSTM, {"new": "i * g", "kept": "f * c_prev", "c": "kept + new"}),
    ("LSTM", LSTM, {"a": "W @ x + U @ h_prev + b", "g": "tanh(a)"}),
    ("LSTM", LSTM, {"i": "sigmoid(W @ x + V @ x + U @ h_prev + b)"}),
    ("LSTM", LSTM, {"i": "sigmoid(2 * (W @ x) + U @ h_prev / 2 + b)"}),
    ("LSTM", LSTM, {"i": "identity(sigmoid(W @ x + U @ h_prev + b))"}),
    ("LSTM", LSTM, {"i": "sigmoid(f.W @ x + U @ h_prev + b)"}),
    ("GRU", GRU, {}),
    ("GRU", GRU, {"h": "n + z * (h_prev - n)"}),
    ("GRU", GRU, {"h": "z * n + (1 - z) * h_prev"}),
    ("GRU", GRU, {"h": "z * h_prev + n - n * z"}),
    ("GRU", GRU, {"n": "tanh(r * (U @ h_prev) + W @ x + b)"}),
    ("GRU", GRU, {"n": "tanh(W @ x + U @ h_prev * r + b + b_h * r)"}),
    ("GRU", GRU, {"n": "tanh(W @ x + b + (1 - r) * (U @ h_prev + b_h))"}),
    ("GRU", GRU, {"n": "-tanh(W @ x + b + r * (U @ h_prev + b_h))"}),
    ("GRU", GRU, {"z": "sigmoid(W @ [h_prev, x])", "r": "sigmoid(W @ [x, h_prev] + b)"}),
    ("GRU", GRU, {"past": "U @ h_prev + b", "n": "tanh(W @ x + b + r * past)"}),
    ("RNN_TANH", {}, {"h": "tanh(W @ x + U @ h_prev + b)"}),
    ("RNN_TANH", {}, {"h": "-tanh(-(W @ [h_prev, x]))"}),
    ("RNN_TANH", {}, {"a": "W @ x + b", "h": "tanh(a + U @ h_prev)"}),
    ("RNN_RELU", {}, {"h": "relu(W @ x + U @ h_prev + b)"}),
    ("RNN_RELU", {}, {"h": "maximum(0, W @ x + U @ h_prev + b)"}),
]

NEAR_MISSES: Final[list[tuple[dict[str, str], dict[str, str]]]] = [
    (LSTM, {"i": "sigmoid(W @ x + U @ h_prev + p * c_prev + b)"}),
    (LSTM, {"o": "sigmoid(W @ x + U @ h_prev + p * c + b)"}),
    (LSTM, {"f": "1 - i"}),
    (LSTM, {"f": "i"}),
    (LSTM, {"c": "f * c_prev + (1 - f) * g", "i": ""}),
    (LSTM, {"c": "c_prev + i * g", "f": ""}),
    (LSTM, {"c": "f * c_prev + g", "i": ""}),
    (LSTM, {"h": "tanh(c)", "o": ""}),
    (LSTM, {"h": "o * c"}),
    (LSTM, {"h": "o * sigmoid(c)"}),
    (LSTM, {"g": "relu(W @ x + U @ h_prev + b)"}),
    (LSTM, {"g": "W @ x + U @ h_prev + b"}),
    (LSTM, {"i": "hardsigmoid(W @ x + U @ h_prev + b)"}),
    (LSTM, {"i": "sigmoid(layer_norm(W @ x + U @ h_prev + b))"}),
    (LSTM, {"i": "sigmoid(W @ x + U @ h_prev + R @ i_prev + b)"}),
    (LSTM, {"i": "sigmoid(W @ x + U @ c_prev + b)"}),
    (LSTM, {"i": "sigmoid(W @ x + b)"}),
    (LSTM, {"i": "sigmoid(U @ h_prev + b)"}),
    (LSTM, {"i": "sigmoid(p * (W @ x) + U @ h_prev + b)"}),
    (LSTM, {"c": "f * c_prev - i * g + c_prev"}),
    (GRU, {"n": "tanh(W @ x + U @ (r * h_prev) + b)"}),
    (GRU, {"n": "tanh(W @ x + U @ h_prev + b)", "r": ""}),
    (GRU, {"h": "(1 - z) * n + h_prev"}),
    (GRU, {"h": "(1 - z) * n + r * h_prev"}),
    (GRU, {"n": "tanh(r * (W @ x) + U @ h_prev + b)"}),
    (GRU, {"n": "tanh(r * (W @ x + U @ h_prev + b))"}),
    ({}, {"h": "tanh(W @ x + u * h_prev + b)"}),
    ({}, {"h": "tanh(W @ x + b)"}),
    ({}, {"h": "sigmoid(W @ x + U @ h_prev + b)"}),
    ({}, {"h": "tanh(W @ x + U @ h_prev + b) + h_prev"}),
]  # fmt: skip


def cell(equations: dict[str, str], changes: dict[str, str]) -> Cell:
    written = {name: text for name, text in (changes | equations | changes).items() if text}
    states = ["h", "c"] if "c" in written else ["h"]
    vectors = [name for name in "pu" if any(f"{name} *" in text for text in written.values())]
    gates = [f"    {name}: '{text}'" for name, text in written.items() if name not in states]
    text = "\n".join(
        [
            "A:",
            f"  states: [{', '.join(states)}]",
            *(
                ["  parameters: {" + ", ".join(f"{name}: vector" for name in vectors) + "}"]
                if vectors
                else []
            ),
            *(["  gates:", *gates] if gates else []),
            "  update:",
            *(f"    {name}: '{written[name]}'" for name in states),
        ]
    )
    report = Report()
    found = read_cells(read_text(text).root, report)["A"]
    assert found is not None, report.errors
    return found


@pytest.mark.parametrize(("kind", "equations", "changes"), SPELLINGS)
def test_recognises(kind: str, equations: dict[str, str], changes: dict[str, str]) -> None:
    match = recognise(cell(equations, changes))
    assert match is not None
    assert match.kind == kind


@pytest.mark.parametrize(("equations", "changes"), NEAR_MISSES)
def test_refuses(equations: dict[str, str], changes: dict[str, str]) -> None:
    assert recognise(cell(equations, changes)) is None


def test_torchs_layers_are_themselves() -> None:
    for kind, layer in torch_cells().items():
        match = recognise(layer)
        assert match is not None
        assert match.kind == kind
        assert match.states == layer.states

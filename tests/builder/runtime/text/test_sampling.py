"""Writing on: carried states give what the whole text would, draws follow from the seed."""

from __future__ import annotations

import doctest
import math
from pathlib import Path

import pytest
import torch

import builder.runtime.text.sampling
from builder import loads
from builder.errors import RunError
from builder.runtime import Run, build
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.text.sampling import unknown_in, write_on

SPEC = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: 8}, {LSTM: {hidden_size: 8, num_layers: 2}}, {GRU: 8}, {Linear: $classes}]
data: {source: {Text: {path: a.txt, length: 10}}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}
"""


def _run(folder: Path, text: str = SPEC) -> Run:
    """A run that nobody trained: what it writes is nonsense, and all there is to check is how."""
    (folder / "a.txt").write_text("the cat sat on the mat\n" * 9, encoding="utf-8")
    spec = loads(text, folder=folder)
    assert spec.data is not None
    info = spec.data.fitted.describe(folder)
    network = build(spec)
    for weight in network.parameters():
        torch.nn.init.uniform_(weight, -2, 2)
    return Run(folder, spec, network, Preprocessing.fit(spec.data, info), (), {})


def test_carried_states_give_what_the_whole_text_gives(tmp_path: Path) -> None:
    run = _run(tmp_path)
    vocabulary = run.preprocessing.vocabulary
    found = write_on(run, "the cat", 30, temperature=0)
    text = "the cat"
    for _ in range(30):
        with torch.no_grad():
            logits = run.module(torch.tensor([[vocabulary.index(character) for character in text]]))[0, -1]
        text += vocabulary[1 + int(logits[1:].argmax())]
    assert found == text.removeprefix("the cat")


def test_a_seed_is_a_text(tmp_path: Path) -> None:
    run = _run(tmp_path)
    one, same, other = (write_on(run, "t", 50, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert len(one) == 50 and set(one) <= set(run.preprocessing.vocabulary[1:])


def test_a_start_may_hold_characters_that_nobody_has_seen(tmp_path: Path) -> None:
    run = _run(tmp_path)
    assert write_on(run, "☃t", 5, temperature=0) != ""
    assert unknown_in(run, "☃t☃é\ufffd") == ("☃", "é", "\ufffd")
    with pytest.raises(RunError, match=r"vocabulary lacks '☃' 'é'\..*It has '\\n' ' ' 'a' "):
        write_on(run, "☃é", 5)
    assert write_on(run, None, 5, seed=3) == write_on(run, "\n", 5, seed=3)
    with pytest.raises(RunError, match="no character to begin with"):
        write_on(run, "", 5)


def test_a_tiny_temperature_is_the_likeliest(tmp_path: Path) -> None:
    run = _run(tmp_path)
    likeliest = write_on(run, "t", 30, temperature=0)
    assert write_on(run, "t", 30, temperature=1e-320) == write_on(run, "t", 30, temperature=1e-6) == likeliest
    for wrong in (math.inf, math.nan, -1.0):
        with pytest.raises(RunError, match="a finite number of at least 0"):
            write_on(run, "t", 5, temperature=wrong)


def test_a_network_that_says_nan_says_so(tmp_path: Path) -> None:
    run = _run(tmp_path)
    torch.nn.init.constant_(next(run.module.parameters()), math.nan)
    for temperature in (0, 1):
        with pytest.raises(RunError, match="no number"):
            write_on(run, "t", 5, temperature)


def test_examples() -> None:
    assert doctest.testmod(builder.runtime.text.sampling).failed == 0


def test_what_cannot_write_on_says_why(tmp_path: Path, run: Run) -> None:
    with pytest.raises(RunError, match="was not trained to say the next character"):
        write_on(run)
    both_ways = _run(tmp_path, SPEC.replace("num_layers: 2", "bidirectional: true"))
    with pytest.raises(RunError, match="`lstm_1` sees what comes later"):
        write_on(both_ways)

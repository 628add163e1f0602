"""Sequences of several lengths: drawn, or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder import loads
from builder.errors import DataError
from grader.comparing.injection import Inputs
from grader.outline import Outline

MEAN = "input: [T, 3]\nlayers: [{name: memory, GRU: {hidden_size: 4}}, {Linear: 2}, {Mean: 1}]\n"


def outline(text: str) -> Outline:
    return Outline.of(loads(text).graph)


def test_drawn_inputs_are_of_all_lengths() -> None:
    text = (
        "inputs: {a: [T, 3], b: {shape: [S], vocabulary: 5}, c: [T]}\n"
        "layers: [{from: a, LSTM: {hidden_size: 3, output: last}}]\noutputs: [lstm_1, b, c]\n"
    )
    arrays = Inputs(count=40).arrays(Path(), outline(text))
    assert {name: array.shape for name, array in arrays.items()} == {
        "a": (40, 7, 3), "b": (40, 6), "c": (40, 7), "a_lengths": (40,), "b_lengths": (40,),
    }  # fmt: skip
    assert set(arrays["a_lengths"]) == set(range(1, 8)) and set(arrays["b_lengths"]) == set(range(1, 7))
    assert list(arrays["a_lengths"][:2]) == [7, 1]


def test_lengths_come_from_a_file_too(tmp_path: Path) -> None:
    reference = outline(MEAN)
    x = np.zeros((2, 4, 3))
    np.savez(tmp_path / "x.npz", input=x, input_lengths=[4, 2])
    arrays = Inputs(file="x.npz").arrays(tmp_path, reference)
    assert arrays["input"].shape == (2, 4, 3) and list(arrays["input_lengths"]) == [4, 2]
    np.savez(tmp_path / "y.npz", x)
    assert set(Inputs(file="y.npz").arrays(tmp_path, reference)) == {"input"}
    np.savez(tmp_path / "z.npz", input=x, input_lengths=[5, 2])
    with pytest.raises(DataError, match="must hold a whole number from 1 to 4 for each example"):
        Inputs(file="z.npz").arrays(tmp_path, reference)

"""What the loop says before it starts; training itself: test_train.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder import loads
from builder.errors import TrainingError
from builder.runtime import train

NORMALISED = """
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 2, kernel_size: 3}}, BatchNorm2d, Flatten, {Linear: 4}, LAST, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 1]}], split: {train: 0.02, test: 0.98}, batch_size: SIZE}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""


def test_batchnorm_of_one_value_is_told_before_training(tmp_path: Path, no_export: None) -> None:
    text = NORMALISED.replace("LAST", "BatchNorm1d").replace("SIZE", "1")
    epochs: list[object] = []
    with pytest.raises(TrainingError, match=r"`batch_norm1d_1` normalises over a batch") as caught:
        train(loads(text), tmp_path / "run", watch=epochs.append)
    assert caught.value.hint == "Take a larger `batch_size`, and at least two examples for training."
    assert not epochs


@pytest.mark.parametrize(("last", "size"), [("ReLU", "1"), ("BatchNorm1d", "2")])
def test_batchnorm_of_several_values_trains(tmp_path: Path, no_export: None, last: str, size: str) -> None:
    """One image has many positions; two examples are two values."""
    text = NORMALISED.replace("LAST", last).replace("SIZE", size)
    assert len(train(loads(text), tmp_path / "run").metrics) == 1

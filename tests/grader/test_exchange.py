"""Examples as the checks read them."""

from __future__ import annotations

import numpy as np

from builder.data.info import Target
from builder.shapes import TensorType
from grader.exchange import Examples


def test_the_targets_of_sequences_are_those_of_real_steps() -> None:
    labels = np.arange(6).reshape(2, 3)
    target = Target(classes=6, steps="T")
    examples = Examples(np.zeros((2, 3, 1), np.float32), labels, target, lengths=np.array([1, 3]))
    assert examples.per_step
    assert examples.kind == TensorType(("T", 1))
    assert examples.targets.tolist() == [0, 3, 4, 5]


def test_the_targets_of_single_examples_are_their_labels() -> None:
    labels = np.array([0, 1])
    examples = Examples(np.zeros((2, 3), np.float32), labels, Target(classes=2))
    assert examples.targets is labels
    assert examples.kind == TensorType((3,))

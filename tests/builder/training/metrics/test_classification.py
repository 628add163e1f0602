"""Metrics of classes equal scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as theirs

from builder.data.info import Target
from builder.errors import Cause
from builder.shapes import TensorType
from builder.training.metrics.classification import accuracy, f1, precision, recall, top_5_accuracy
from builder.training.metrics.metric import Metric


def _macro(score: Callable[..., float]) -> Callable[..., float]:
    return lambda y, guess: score(y, guess, average="macro", zero_division=0)


@pytest.mark.parametrize(
    ("ours", "score"),
    [
        (accuracy(), theirs.accuracy_score),
        (precision(), _macro(theirs.precision_score)),
        (recall(), _macro(theirs.recall_score)),
        (f1(), _macro(theirs.f1_score)),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("classes", [2, 3, 12])
def test_of_classes(ours: Metric, score: Callable[..., float], classes: int) -> None:
    draw = np.random.default_rng(classes)
    output, labels = draw.normal(size=(40, classes)), draw.integers(0, classes, 40)
    assert ours.of(output, labels) == pytest.approx(score(labels, output.argmax(1)))


def test_one_value_for_two_classes() -> None:
    output, labels = np.array([[0.1], [-2.0], [3.0], [-1.0]]), np.array([1, 0, 0, 0])
    assert accuracy().of(output, labels) == 0.75


def test_top_5() -> None:
    draw = np.random.default_rng(0)
    output, labels = draw.normal(size=(50, 10)), np.arange(50) % 10
    expected = theirs.top_k_accuracy_score(labels, output, k=5)
    assert top_5_accuracy().of(output, labels) == pytest.approx(expected)
    with pytest.raises(Cause, match="among five values every class is"):
        top_5_accuracy().check(TensorType((5,)), Target(classes=5))

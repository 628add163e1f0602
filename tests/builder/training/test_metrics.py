"""Metrics equal scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as theirs

from builder.dataset import Target
from builder.errors import Cause
from builder.shapes import TensorType
from builder.training.metrics import (
    Metric,
    accuracy,
    f1,
    mae,
    metrics,
    mse,
    precision,
    r2,
    recall,
    rmse,
    top_5_accuracy,
)


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


@pytest.mark.parametrize(
    ("ours", "score"),
    [
        (mae(), theirs.mean_absolute_error),
        (mse(), theirs.mean_squared_error),
        (r2(), theirs.r2_score),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_reals(ours: Metric, score: Callable[..., float]) -> None:
    draw = np.random.default_rng(1)
    target = draw.normal(size=(30, 3)).astype(np.float32)
    output = target + draw.normal(size=(30, 3)).astype(np.float32)
    assert ours.of(output, target) == pytest.approx(score(target, output), rel=1e-6)
    assert ours.of(output[:, :1], target[:, 0]) == pytest.approx(score(target[:, 0], output[:, 0]), rel=1e-6)


def test_rmse_is_the_root() -> None:
    output, target = np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]])
    assert rmse().of(output, target) == pytest.approx(2.5**0.5)


def test_r2_of_what_never_varies() -> None:
    still = np.ones((4, 1))
    assert r2().of(still, still) == theirs.r2_score(still, still) == 1
    assert r2().of(still + 1, still) == theirs.r2_score(still, still + 1) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_never_right(value: float) -> None:
    output = np.full((5, 6), value)
    labels = np.zeros(5, dtype=np.int64)
    for name in metrics:
        cls: type[Metric] = metrics[name]
        if cls.reads == "classes":
            assert cls().of(output, labels) == 0, name
        elif np.isnan(value):
            assert np.isnan(cls().of(output, output * 0 + 1)), name


@pytest.mark.parametrize("name", list(metrics))
def test_each_says_what_it_needs(name: str) -> None:
    cls: type[Metric] = metrics[name]
    right, wrong = Target(classes=10), Target(shape=(10,))
    if cls.reads == "reals":
        right, wrong = wrong, right
    cls().check(TensorType((10,)), right)
    with pytest.raises(Cause):
        cls().check(TensorType((10,)), wrong)


def test_which_way_is_better() -> None:
    grown: dict[str, Any] = {name: metrics[name].better for name in metrics}
    assert {name for name, better in grown.items() if better == "lower"} == {"mae", "mse", "rmse"}

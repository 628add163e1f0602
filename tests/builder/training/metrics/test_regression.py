"""Metrics of real numbers equal scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as theirs

from builder.training.metrics.metric import Metric
from builder.training.metrics.regression import mae, mse, r2, rmse


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

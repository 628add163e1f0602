"""What every metric promises: which targets it is for, which way it grows, what is never right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from builder.data.info import Target
from builder.errors import Cause
from builder.shapes import TensorType
from builder.training.metrics.metric import Metric, metrics


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_never_right(value: float) -> None:
    output = np.full((5, 6), value)
    labels = np.zeros(5, dtype=np.int64)
    for name in metrics:
        cls: type[Metric] = metrics[name]
        if cls.reads == "classes":
            worst = 0 if cls.better == "higher" else np.inf
            assert cls().of(output, labels) == worst, name
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
    assert {name for name, better in grown.items() if better == "lower"} == {
        "mae",
        "mse",
        "rmse",
        "perplexity",
    }

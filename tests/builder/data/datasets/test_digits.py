"""Digits: scikit-learn's own numbers, as described without it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from builder.data.datasets.digits import Digits
from builder.errors import DataError


def test_it_holds_what_scikit_learn_holds(tmp_path: Path) -> None:
    found = Digits().load(tmp_path)
    theirs = load_digits()
    assert found.x.dtype == np.float32 and found.y.dtype == np.int64
    np.testing.assert_array_equal(found.x[:, 0], theirs.images / 16)
    np.testing.assert_array_equal(found.y, theirs.target)


def test_it_is_as_described(tmp_path: Path) -> None:
    info, found = Digits().describe(tmp_path), Digits().load(tmp_path)
    assert (info.examples, *info.input.shape) == found.x.shape
    assert info.target.classes == len(info.target.names) == len(np.unique(found.y))
    assert info.range == (found.x.min(), found.x.max())


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        Digits().load(tmp_path)

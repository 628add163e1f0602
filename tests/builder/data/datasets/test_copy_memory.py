"""CopyMemory: what was shown is asked for at the end, and what remembering nothing costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from builder.data.datasets.copy_memory import CopyMemory


def test_the_first_ten_come_again_at_the_end(tmp_path: Path) -> None:
    source = CopyMemory(length=7, examples=50, seed=1)
    info, found = source.describe(tmp_path), source.load(tmp_path)
    assert found.x.shape == found.y.shape == (50, 27) == (50, *info.input.shape)
    np.testing.assert_array_equal(found.x[:, :10], found.y[:, -10:])
    assert (found.y[:, :-10] == 8).all()
    assert (found.x[:, 16] == 9).all(), "the go, ten steps before the end"
    assert (np.delete(found.x, 16, axis=1)[:, 10:] == 8).all()
    assert set(found.x[:, :10].ravel()) == set(range(8))


def test_knowing_only_the_time_costs_what_the_page_says(tmp_path: Path) -> None:
    y = CopyMemory(length=30, examples=2000).load(tmp_path).y
    counts = np.apply_along_axis(np.bincount, 0, y, minlength=9) / len(y)
    entropy = -(counts * np.log(np.where(counts > 0, counts, 1))).sum(axis=0).mean()
    assert abs(entropy - 10 * np.log(8) / 50) < 1e-2

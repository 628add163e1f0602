from __future__ import annotations

from pathlib import Path

import numpy as np

from builder.data.datasets.gaussian_ring import GaussianRing


def test_the_centres_are_evenly_on_the_circle() -> None:
    centres = GaussianRing(modes=8, radius=2.0).centres()
    half = 2**0.5
    expected = [[2, 0], [half, half], [0, 2], [-half, half], [-2, 0], [-half, -half], [0, -2], [half, -half]]
    assert np.abs(centres - np.array(expected)).max() < 1e-12


def test_points_lie_about_the_centre_of_their_mode(tmp_path: Path) -> None:
    ring = GaussianRing(examples=8003, std=0.1)
    found = ring.load(tmp_path)
    assert found.x.shape == (8003, 2) and found.x.dtype == np.float32
    counts = np.bincount(found.y)
    assert len(counts) == 8 and counts.max() - counts.min() <= 1
    away = found.x - ring.centres()[found.y]
    assert np.abs(away.std(axis=0) - 0.1).max() < 0.003
    assert np.abs(away.mean(axis=0)).max() < 0.005


def test_modes_are_in_no_order_and_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (GaussianRing(examples=100, seed=seed).load(tmp_path) for seed in (1, 1, 2))
    assert np.array_equal(first.x, again.x) and np.array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)
    assert len(set(first.y[:8].tolist())) > 1 and np.any(np.diff(first.y[:20]) < 0)


def test_it_says_what_it_loads(tmp_path: Path) -> None:
    ring = GaussianRing(modes=5, examples=20)
    info, found = ring.describe(tmp_path), ring.load(tmp_path)
    assert info.input.shape == found.x.shape[1:]
    assert (info.examples, info.target.classes, info.range) == (20, 5, None)

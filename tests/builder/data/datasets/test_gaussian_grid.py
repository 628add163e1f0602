from __future__ import annotations

from pathlib import Path

import numpy as np

from builder.data.datasets.gaussian_grid import GaussianGrid


def test_the_centres_are_a_grid_about_the_origin() -> None:
    centres = GaussianGrid().centres()
    assert centres.shape == (25, 2)
    assert {tuple(c) for c in centres} == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert [tuple(c) for c in GaussianGrid(side=2, spacing=1).centres()] == [
        (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5),
    ]  # fmt: skip


def test_points_lie_about_the_centre_of_their_mode(tmp_path: Path) -> None:
    grid = GaussianGrid()
    found = grid.load(tmp_path)
    assert np.bincount(found.y).tolist() == [400] * 25
    nearest = np.linalg.norm(found.x[:, None] - grid.centres(), axis=2).argmin(axis=1)
    assert np.array_equal(nearest, found.y), "20 standard deviations lie between two centres"
    assert np.abs((found.x - grid.centres()[found.y]).std(axis=0) - 0.05).max() < 0.002


def test_it_says_what_it_loads(tmp_path: Path) -> None:
    info = GaussianGrid(side=3).describe(tmp_path)
    assert (info.input.shape, info.target.classes, info.examples, info.range) == ((2,), 9, 10_000, None)

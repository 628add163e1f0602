"""AddingProblem: what is marked is what is asked, and what guessing is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from builder.data.datasets.adding_problem import AddingProblem


def test_the_target_is_the_sum_of_the_two_marked_values(tmp_path: Path) -> None:
    found = AddingProblem(length=11, examples=500, seed=3).load(tmp_path)
    assert found.x.shape == (500, 11, 2) and found.x.dtype == found.y.dtype == np.float32
    for values, target in zip(found.x, found.y, strict=True):
        (first, second) = np.flatnonzero(values[:, 1])
        assert first < 5 <= second
        assert values[first, 0] + values[second, 0] == target


def test_always_saying_one_costs_a_sixth(tmp_path: Path) -> None:
    y = AddingProblem(length=4, examples=100_000).load(tmp_path).y
    assert abs(((y - 1) ** 2).mean() - 1 / 6) < 2e-3


def test_a_seed_is_a_sample(tmp_path: Path) -> None:
    one, same, other = (AddingProblem(length=9, examples=5, seed=seed).load(tmp_path).x for seed in (1, 1, 2))
    assert (one == same).all() and (one != other).any()

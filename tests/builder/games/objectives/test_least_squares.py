"""Least squares: worked out on paper, and where the targets are met."""

from __future__ import annotations

import pytest
import torch

from builder import objective

ONES = torch.ones(5, 1)


def test_where_all_logits_are_one() -> None:
    squares = objective("LeastSquares")
    assert float(squares.discriminator_loss(ONES, ONES)) == pytest.approx(0.5, abs=5e-5)
    assert float(squares.generator_loss(ONES)) == pytest.approx(0.0, abs=5e-5)


def test_nothing_is_left_where_the_targets_are_met() -> None:
    squares = objective("LeastSquares", real=2.0, fake=-3.0, generator=1.0)
    assert float(squares.discriminator_loss(2 * ONES, -3 * ONES)) == 0
    assert float(squares.generator_loss(ONES)) == 0
    assert not any(gradient.any() for gradient in squares.discriminator_gradient(2 * ONES, -3 * ONES))


def test_beyond_its_target_an_example_is_pulled_back() -> None:
    real, fake = objective("LeastSquares").discriminator_gradient(4 * ONES[:1], -2 * ONES[:1])
    assert (float(real), float(fake)) == (3, -2)

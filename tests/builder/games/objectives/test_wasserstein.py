"""The earth mover's distance: worked out on paper, and of two points."""

from __future__ import annotations

import pytest
import torch

from builder import objective

ONES = torch.ones(5, 1)


def test_where_all_logits_are_one() -> None:
    wasserstein = objective("Wasserstein")
    assert float(wasserstein.discriminator_loss(ONES, ONES)) == pytest.approx(0.0, abs=5e-5)
    assert float(wasserstein.generator_loss(ONES)) == pytest.approx(-1.0, abs=5e-5)


def test_the_best_line_tells_how_far_two_points_are_apart() -> None:
    """D(x) = x has slope one; between points at 5 and at 2 lie 3."""
    loss = objective("Wasserstein").discriminator_loss(torch.tensor([5.0]), torch.tensor([2.0]))
    assert float(loss) == -3

"""The game as it is mostly played: worked out on paper, and held against cross-entropy."""

from __future__ import annotations

import pytest
import torch

from builder import objective

ONES = torch.ones(5, 1)


def test_where_all_logits_are_one() -> None:
    non_saturating = objective("NonSaturating")
    assert float(non_saturating.discriminator_loss(ONES, ONES)) == pytest.approx(1.6265, abs=5e-5)
    assert float(non_saturating.generator_loss(ONES)) == pytest.approx(0.3133, abs=5e-5)


def test_smoothing_is_one_sided() -> None:
    """The smoothed discriminator is content with 0.9 on real examples, and still wants 0 on made ones."""
    logits = torch.tensor([[9.0]], dtype=torch.float64).log()  # σ = 0.9
    real, fake = objective("NonSaturating", label_smoothing=0.1).discriminator_gradient(logits, logits)
    assert float(real) == pytest.approx(0, abs=1e-12)
    assert float(fake) == pytest.approx(0.9)


def test_the_discriminators_half_is_cross_entropy() -> None:
    real, fake = torch.randn(7, 1), torch.randn(4, 1)
    cross = torch.nn.functional.binary_cross_entropy_with_logits
    wanted = cross(real, torch.full_like(real, 0.8)) + cross(fake, torch.zeros_like(fake))
    smooth = objective("NonSaturating", label_smoothing=0.2)
    torch.testing.assert_close(smooth.discriminator_loss(real, fake), wanted)


def test_it_does_not_saturate() -> None:
    sure = torch.full((1, 1), -20.0)
    assert float(objective("NonSaturating").generator_gradient(sure)) == pytest.approx(-1)

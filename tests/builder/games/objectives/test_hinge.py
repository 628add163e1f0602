"""The hinge: worked out on paper, and beyond the margin."""

from __future__ import annotations

import pytest
import torch

from builder import objective

ONES = torch.ones(5, 1)


def test_where_all_logits_are_one() -> None:
    hinge = objective("Hinge")
    assert float(hinge.discriminator_loss(ONES, ONES)) == pytest.approx(2.0, abs=5e-5)
    assert float(hinge.generator_loss(ONES)) == pytest.approx(-1.0, abs=5e-5)


def test_beyond_the_margin_nothing_is_learned() -> None:
    hinge = objective("Hinge")
    assert float(hinge.discriminator_loss(1.5 * ONES, -2 * ONES)) == 0
    real, fake = hinge.discriminator_gradient(torch.tensor([1.5, 0.5]), torch.tensor([-2.0, -0.5]))
    assert (real.tolist(), fake.tolist()) == ([0, -0.5], [0, 0.5])


def test_at_the_corner_by_hand_as_by_torch() -> None:
    real, fake = torch.ones(2, requires_grad=True), -torch.ones(2)
    fake.requires_grad_()
    hinge = objective("Hinge")
    wanted = torch.autograd.grad(hinge.discriminator_loss(real, fake), (real, fake))
    torch.testing.assert_close(hinge.discriminator_gradient(real, fake), wanted)

"""The gradient penalty of discriminators whose slope is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builder.games.penalties.gradient_penalty import GradientPenalty

REAL, FAKE = torch.randn(6, 3), torch.randn(6, 3)


@pytest.mark.parametrize(("slope", "wanted"), [(1.0, 0.0), (0.0, 10.0), (3.0, 40.0)])
def test_of_a_line(slope: float, wanted: float) -> None:
    """10·(slope − 1)², and of a flat one too, where a norm has no derivative."""
    weight = torch.tensor([slope, 0.0, 0.0], requires_grad=True)
    term = GradientPenalty().term(lambda x: x @ weight, REAL, FAKE, torch.Generator())
    assert term.item() == pytest.approx(wanted, abs=1e-5)
    (gradient,) = torch.autograd.grad(term, weight)
    assert gradient.isfinite().all()


def test_points_lie_between_each_pair_and_follow_the_generator() -> None:
    seen: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.sum(1)

    for seed in (1, 1, 2):
        GradientPenalty().term(score, REAL, FAKE, torch.Generator().manual_seed(seed))
    shares = (seen[0] - FAKE) / (REAL - FAKE)
    torch.testing.assert_close(shares, shares[:, :1].expand(-1, 3), atol=1e-4, rtol=1e-3)
    assert shares.min() >= 0 and shares.max() <= 1 and len(shares[:, 0].unique()) == 6
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])

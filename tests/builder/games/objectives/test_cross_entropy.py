"""The discriminator's half that Minimax and NonSaturating share: worked out on paper, and by torch."""

from __future__ import annotations

import pytest
import torch

from builder import objective
from builder.games.objectives.cross_entropy import CrossEntropyObjective
from builder.games.objectives.objective import objectives

SHARING = [name for name in objectives if issubclass(objectives[name], CrossEntropyObjective)]
every_objective = pytest.mark.parametrize("name", SHARING)


def test_two_games_share_it() -> None:
    assert SHARING == ["Minimax", "NonSaturating"]


@every_objective
def test_where_all_logits_are_one(name: str) -> None:
    ones = torch.ones(5, 1)
    assert float(objective(name).discriminator_loss(ones, ones)) == pytest.approx(1.6265, abs=5e-5)


@every_objective
def test_smoothing_is_one_sided(name: str) -> None:
    """The smoothed discriminator is content with 0.9 on real examples, and still wants 0 on made ones."""
    logits = torch.tensor([[9.0]], dtype=torch.float64).log()  # σ = 0.9
    real, fake = objective(name, label_smoothing=0.1).discriminator_gradient(logits, logits)
    assert float(real) == pytest.approx(0, abs=1e-12)
    assert float(fake) == pytest.approx(0.9)


@every_objective
def test_it_is_cross_entropy(name: str) -> None:
    real, fake = torch.randn(7, 1), torch.randn(4, 1)
    cross = torch.nn.functional.binary_cross_entropy_with_logits
    wanted = cross(real, torch.full_like(real, 0.8)) + cross(fake, torch.zeros_like(fake))
    torch.testing.assert_close(objective(name, label_smoothing=0.2).discriminator_loss(real, fake), wanted)

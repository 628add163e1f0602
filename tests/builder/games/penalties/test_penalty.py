"""Penalties: their terms and what these do to the weights, by finite differences; conditional; recurrent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from builder.games.penalties.gradient_penalty import GradientPenalty
from builder.games.penalties.penalty import Penalty, penalties
from builder.games.penalties.r1 import R1

PENALTIES = [GradientPenalty(), GradientPenalty(weight=3.0, center=0.0), R1(), R1(weight=0.5, every=4)]
STEP = 1e-5


def _plain() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.Softplus(), nn.Flatten(), nn.LayerNorm(12), nn.Linear(12, 1)
    )
    return layers.double(), torch.randn(5, 2, 4, 4).double(), torch.randn(5, 2, 4, 4).double()


def _recurrent() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    return Last().double(), torch.randn(4, 6, 2).double(), torch.randn(4, 6, 2).double()


class Last(nn.Module):
    """What an LSTM says after its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.linear = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.lstm(x)[0][:, -1])  # type: ignore[no-any-return]


def _term(penalty: Penalty, network: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    found = penalty.term(network, real, fake, torch.Generator().manual_seed(3))
    assert found is not None
    return found


def _slopes_by_differences(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Every example's ∂logit/∂value: no gradient is taken."""
    found = torch.zeros_like(x)
    with torch.no_grad():
        for place in range(x[0].numel()):
            bump = torch.zeros_like(x[0]).flatten()
            bump[place] = STEP
            bump = bump.view_as(x[0])
            found.flatten(1)[:, place] = (network(x + bump) - network(x - bump)).flatten() / (2 * STEP)
    return found


@pytest.mark.parametrize("made", [_plain, _recurrent])
@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: f"{type(p).__name__}-{p.plain()}")
def test_values_are_finite_differences(
    penalty: Penalty, made: Callable[[], tuple[nn.Module, Tensor, Tensor]]
) -> None:
    network, real, fake = made()
    if isinstance(penalty, R1):
        found = _slopes_by_differences(network, real).flatten(1)
        wanted = penalty.weight * penalty.every / 2 * found.square().sum(1).mean()
    else:
        assert isinstance(penalty, GradientPenalty)
        draw = torch.Generator().manual_seed(3)
        share = torch.rand(len(real), *[1] * (real.dim() - 1), generator=draw).double()
        found = _slopes_by_differences(network, share * real + (1 - share) * fake).flatten(1)
        wanted = penalty.weight * (found.norm(dim=1) - penalty.center).square().mean()
    torch.testing.assert_close(_term(penalty, network, real, fake), wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("made", [_plain, _recurrent])
@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: f"{type(p).__name__}-{p.plain()}")
def test_gradients_by_the_weights_are_finite_differences(
    penalty: Penalty, made: Callable[[], tuple[nn.Module, Tensor, Tensor]]
) -> None:
    network, real, fake = made()
    weights = list(network.parameters())
    found = torch.autograd.grad(_term(penalty, network, real, fake), weights, materialize_grads=True)
    for weight, gradient in zip(weights, found, strict=True):
        flat = weight.detach().view(-1)  # shares the weight's values
        for place in range(0, flat.numel(), max(1, flat.numel() // 5)):
            before = float(flat[place])
            rise = 0.0
            for sign in (1, -1):
                flat[place] = before + sign * STEP
                rise += sign * _term(penalty, network, real, fake).item()
            flat[place] = before
            wanted = rise / (2 * STEP)
            assert float(gradient.flatten()[place]) == pytest.approx(wanted, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("penalty", PENALTIES[::2], ids=lambda p: type(p).__name__)
def test_examples_are_held_fast(penalty: Penalty) -> None:
    """Nothing flows into real or made examples: the generator is not told of the penalty."""
    network, real, fake = _plain()
    real.requires_grad_()
    fake.requires_grad_()
    found = torch.autograd.grad(
        _term(penalty, network, real, fake), (real, fake), allow_unused=True, materialize_grads=True
    )
    assert not any(gradient.any() for gradient in found)


@pytest.mark.parametrize("name", list(penalties))
def test_a_score_that_knows_the_class(name: str) -> None:
    """With the labels inside ``score`` every example's slope is its own class's."""
    table = nn.Embedding(3, 4).double()
    labels = torch.tensor([0, 2, 2, 1])
    real, fake = torch.randn(4, 4).double(), torch.randn(4, 4).double()

    def score(x: Tensor) -> Tensor:
        return (x * table(labels)).sum(1, keepdim=True)

    found = penalties[name]().term(score, real, fake, torch.Generator().manual_seed(0))
    lengths = table.weight[labels].norm(dim=1)
    wanted = {
        "GradientPenalty": 10 * (lengths - 1).square().mean(),
        "R1": 5 * lengths.square().mean(),
        "WeightClip": None,
    }[name]
    if found is None or wanted is None:
        assert found is wanted
        return
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(term, table.weight) for term in (found, wanted)))


def test_by_default_a_penalty_does_nothing() -> None:
    network, real, fake = _plain()
    before = [weight.clone() for weight in network.parameters()]
    assert Penalty.term(R1(), network, real, fake, torch.Generator()) is None
    R1().after_step(network)
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))

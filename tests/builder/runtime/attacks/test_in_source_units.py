"""A network in its source's units: the same bits, true gradients, and the same attack whatever scales it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from builder.robustness.attacks.fgsm import FGSM
from builder.runtime.attacks.in_source_units import Sourced
from builder.runtime.data.preprocessing import Preprocessing

COLOUR = Preprocessing(scale=(2.0, 0.5, 4.0), shift=(-1.0, 0.25, 0.0))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.Tanh(), nn.Flatten(), nn.Linear(144, 5)
    ).eval()


def examples(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def test_it_is_the_preprocessing_then_the_network(network: nn.Module) -> None:
    x = examples(7, 3, 8, 8)
    sourced = Sourced(network, COLOUR, (0.0, 1.0))
    arrives = COLOUR.apply_affine(x)
    assert torch.equal(sourced.arriving(x), arrives)
    torch.testing.assert_close(sourced(x), network(arrives))
    assert [*sourced.state_dict()] == [f"network.{name}" for name in network.state_dict()]


@pytest.mark.parametrize("shape", [(7, 3, 8, 8), (7, 5, 3), (7, 3)])
def test_back_in_the_sources_units(shape: tuple[int, ...]) -> None:
    x = examples(*shape)
    sourced = Sourced(nn.Identity(), COLOUR, (0.0, 1.0))
    found = sourced.in_source_units(COLOUR.apply_affine(x))
    torch.testing.assert_close(found, x)
    assert float(found.min()) >= 0 and float(found.max()) <= 1


def test_what_leaves_the_bounds_by_rounding_is_brought_back() -> None:
    sourced = Sourced(nn.Identity(), Preprocessing(scale=(3.0,), shift=(-0.1,)), (0.0, 1.0))
    assert float(sourced.in_source_units(torch.tensor([[-0.1000001, 2.9000001]])).min()) == 0


def test_gradients_go_through_the_scaling(network: nn.Module) -> None:
    x = examples(2, 3, 8, 8).double().requires_grad_()
    sourced = Sourced(network.double(), COLOUR, (0.0, 1.0))
    assert torch.autograd.gradcheck(sourced, (x,))


@pytest.mark.parametrize("factor", [0.1, 1.0, 255.0])
def test_no_scaling_shrinks_an_attack(network: nn.Module, factor: float) -> None:
    """Inputs ten times as large and weights ten times as small are the same network to an attacker."""
    x, y = examples(6, 3, 8, 8), torch.tensor([0, 1, 2, 3, 4, 0])
    draws = torch.Generator().manual_seed(0)
    plain = FGSM(eps=0.1).perturb(Sourced(network, Preprocessing(), (0.0, 1.0)), x, y, (0.0, 1.0), draws)
    with torch.no_grad():
        network[0].weight /= factor
    scaled = Sourced(network, Preprocessing(scale=(factor,), shift=(0.0,)), (0.0, 1.0))
    attacked = FGSM(eps=0.1).perturb(scaled, x, y, (0.0, 1.0), draws)
    assert (
        (attacked - plain).abs() > 1e-6
    ).double().mean() < 0.01  # a gradient of almost 0 may change its sign
    assert float((attacked - x).abs().max()) == pytest.approx(0.1)


def test_under_autocast_the_output_is_float32(network: nn.Module) -> None:
    x = examples(2, 3, 8, 8)
    half = Sourced(network, COLOUR, (0.0, 1.0), torch.autocast("cpu", torch.bfloat16))
    assert half(x).dtype == torch.float32
    torch.testing.assert_close(half(x), Sourced(network, COLOUR, (0.0, 1.0))(x), rtol=0.1, atol=0.1)

"""A LeNet on real digits, trained in seconds, and a batch of its test digits that the oracles attack too."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Victim:
    """A network in evaluation mode, examples N×1×28×28 in [0, 1], and their classes."""

    net: nn.Module
    x: Tensor
    y: Tensor

    @property
    def other(self) -> Tensor:
        """Another class for each example."""
        return (self.y + 1) % 10

    def accuracy(self, x: Tensor) -> float:
        with torch.no_grad():
            return float((self.net(x).argmax(1) == self.y).double().mean())

    def reached(self, x: Tensor) -> float:
        """The share at its other class."""
        return 1 - float((self.net(x).argmax(1) != self.other).double().mean())


def lenet() -> nn.Sequential:
    """LeNet-5 with ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


@pytest.fixture(scope="session")
def exact() -> Victim:
    """In float64; not to be changed.

    Oracles whose steps add in another order than ours are met here. Two points that differ by a rounding may lie
    on two sides of a kink of the network (a ReLU at 0, a tie of a max pooling), where gradients differ by much
    more. In float64 a rounding is 10⁻¹⁶, and none of a thousand steps is that near to a kink.

    The training too is in float64: sums in the order of another number of threads give the same weights to 10⁻¹⁴.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.tensor(found.images, dtype=torch.float64).unsqueeze(1) / 16
    x = functional.interpolate(x, size=28, mode="bilinear").clamp_(0, 1)
    y = torch.tensor(found.target, dtype=torch.int64)
    torch.manual_seed(0)
    net = lenet().double()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(3):
        for chosen in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[chosen]), y[chosen]).backward()
            optimizer.step()
    made = Victim(net.eval(), x[1400:1464], y[1400:1464])
    assert made.accuracy(made.x) > 0.8
    return made


@pytest.fixture(scope="session")
def victim(exact: Victim) -> Victim:
    """In float32, as users have it; not to be changed."""
    return Victim(copy.deepcopy(exact.net).float(), exact.x.float(), exact.y)


@pytest.fixture(scope="session")
def few(victim: Victim) -> Victim:
    """Its first examples, for what is slow."""
    return Victim(victim.net, victim.x[:24], victim.y[:24])

"""Five steps of ours beside five of torch's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import nn

from builder.training.optimizers.optimizer import Optimizer

Make = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def _walk(make: Make) -> list[torch.Tensor]:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(5))]
    optimizer = make(weights)
    for _ in range(5):
        optimizer.zero_grad()
        torch.stack([(w**2).sum() + w.sin().sum() for w in weights]).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return [w.detach() for w in weights]


@pytest.fixture
def walks_like() -> Callable[[Optimizer, Make], None]:
    """Fails unless the optimiser goes where torch's goes."""

    def walks_like(ours: Optimizer, theirs: Make) -> None:
        torch.testing.assert_close(_walk(ours.build), _walk(theirs))

    return walks_like

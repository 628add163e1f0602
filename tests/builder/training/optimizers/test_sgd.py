"""SGD with momentum, damping, decay and a look ahead goes where torch's goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import optim

from builder.training.optimizers.optimizer import Optimizer
from builder.training.optimizers.sgd import SGD


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
        (SGD, {"lr": 0.1, "weight_decay": 0.1}),
    ],
)
def test_every_option_is_torchs(
    walks_like: Callable[..., None], cls: type[Optimizer], options: dict[str, Any]
) -> None:
    walks_like(cls(**options), lambda weights: getattr(optim, cls.__name__)(weights, **options))

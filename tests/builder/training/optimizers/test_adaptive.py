"""Optimisers with a step for each weight, with every option set, go where torch's go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import optim

from builder.training.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from builder.training.optimizers.optimizer import Optimizer


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (RMSprop, {"lr": 0.1, "alpha": 0.5, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
        (Adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.1}),
        (Adadelta, {"lr": 0.5, "rho": 0.5, "eps": 1e-2, "weight_decay": 0.1}),
    ],
)
def test_every_option_is_torchs(
    walks_like: Callable[..., None], cls: type[Optimizer], options: dict[str, Any]
) -> None:
    walks_like(cls(**options), lambda weights: getattr(optim, cls.__name__)(weights, **options))

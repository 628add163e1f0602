"""Adam and its kin, with every option set, go where torch's go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import optim

from builder.training.optimizers.adam import Adam, AdamW, NAdam, RAdam
from builder.training.optimizers.optimizer import Optimizer


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-2, "amsgrad": True, "weight_decay": 0.1}),
        (Adam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
        (AdamW, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-2, "amsgrad": True, "weight_decay": 0.1}),
        (NAdam, {"lr": 0.1, "momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
        (RAdam, {"lr": 0.1, "betas": (0.5, 0.6), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ],
)
def test_every_option_is_torchs(
    walks_like: Callable[..., None], cls: type[Optimizer], options: dict[str, Any]
) -> None:
    walks_like(cls(**options), lambda weights: getattr(optim, cls.__name__)(weights, **options))

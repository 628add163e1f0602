"""Optimisers are torch's own: the same names, defaults and steps."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn

from builder.training.optimizers.optimizer import Optimizer, optimizers

ALL = [optimizers[name] for name in optimizers]
every = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)


def _theirs(cls: type[Optimizer]) -> Any:
    return getattr(torch.optim, cls.__name__)


def _weights() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(5))]


def _walk(optimizer: torch.optim.Optimizer, weights: list[nn.Parameter]) -> list[torch.Tensor]:
    for _ in range(5):
        optimizer.zero_grad()
        torch.stack([(w**2).sum() + w.sin().sum() for w in weights]).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return [w.detach().clone() for w in weights]


@every
def test_arguments_are_torchs(cls: type[Optimizer]) -> None:
    signature = dict(inspect.signature(_theirs(cls)).parameters)
    del signature["params"]
    fields = cls.model_fields
    assert set(fields) | (set(cls.refused) & set(signature)) == set(signature)
    assert set(fields).isdisjoint(cls.refused)
    for name, info in fields.items():
        assert info.default == signature[name].default, name


@every
def test_a_step_is_torchs(cls: type[Optimizer]) -> None:
    ours, theirs = _weights(), _weights()
    for mine, plain in zip(
        _walk(cls().build(ours), ours), _walk(_theirs(cls)(theirs, foreach=False), theirs), strict=True
    ):
        torch.testing.assert_close(mine, plain)


@every
def test_fields_arrive(cls: type[Optimizer]) -> None:
    other = {"lr": 0.5, "weight_decay": 0.25, "eps": 1e-3}
    chosen = {name: value for name, value in other.items() if name in cls.model_fields}
    built = cls(**chosen).build(_weights())
    assert {name: built.defaults[name] for name in chosen} == chosen


@every
def test_the_fused_step_is_taken_where_there_is_one(cls: type[Optimizer]) -> None:
    assert bool(cls().build(_weights()).defaults.get("fused")) == cls.has_fused
    if cls.has_fused:
        complexes = [nn.Parameter(torch.zeros(2, dtype=torch.complex64))]
        assert not cls().build(complexes).defaults["fused"]


@every
def test_momentum_like_is_what_one_cycle_asks_for(cls: type[Optimizer]) -> None:
    defaults = cls().build(_weights()).defaults
    assert cls.momentum_like == ("momentum" in defaults or "betas" in defaults)

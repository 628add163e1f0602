"""Schedulers are torch's own, with what follows from the run filled in."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchPlateau

from builder.errors import Cause
from builder.training.optimizers.adaptive import Adagrad
from builder.training.optimizers.sgd import SGD
from builder.training.schedulers.scheduler import Scheduler, schedulers
from builder.training.schedulers.torch_schedulers import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau

ALL = [schedulers[name] for name in schedulers]
REQUIRED: dict[str, Any] = {"step_size": 2, "milestones": (1, 3), "gamma": 0.5, "T_0": 2, "max_lr": 0.1}


def _optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)


def _made(cls: type[Scheduler]) -> Scheduler:
    return cls(**{n: REQUIRED[n] for n, info in cls.model_fields.items() if info.is_required()})


def _rates(optimizer: torch.optim.Optimizer, scheduler: Any, steps: int) -> list[float]:
    rates = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step(*([1.0] if isinstance(scheduler, TorchPlateau) else []))
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_arguments_are_torchs(cls: type[Scheduler]) -> None:
    signature = dict(inspect.signature(getattr(lr_scheduler, cls.__name__)).parameters)
    del signature["optimizer"]
    fields = set(cls.model_fields) - cls.own
    assert fields | (set(cls.refused) & set(signature)) == set(signature)
    assert fields.isdisjoint(cls.refused)
    for name in fields:
        info, theirs = cls.model_fields[name], signature[name].default
        if name == "T_max":
            assert info.default is None  # it follows from the run
        elif info.is_required():
            assert theirs is inspect.Parameter.empty
        else:
            assert info.default == theirs, name


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_rates_are_torchs(cls: type[Scheduler]) -> None:
    spec = _made(cls)
    ours, theirs = _optimizer(), _optimizer()
    plain = {name: getattr(spec, name) for name in cls.model_fields if name not in cls.own}
    plain |= {"T_max": 6} if cls is CosineAnnealingLR else {}
    plain |= {"epochs": 6, "steps_per_epoch": 3} if cls is OneCycleLR else {}
    steps = 18 if cls.steps == "batch" else 6
    expected = _rates(theirs, getattr(lr_scheduler, cls.__name__)(theirs, **plain), steps)
    assert _rates(ours, spec.build(ours, steps_per_epoch=3, epochs=6), steps) == expected


def test_one_cycle_ends_with_the_run() -> None:
    optimizer = _optimizer()
    scheduler = OneCycleLR(max_lr=1.0).build(optimizer, steps_per_epoch=4, epochs=3)
    assert OneCycleLR.steps == "batch"
    assert _rates(optimizer, scheduler, 11)[-1] == pytest.approx(1 / 25 / 1e4)


def test_a_plateau_steps_on_its_monitor() -> None:
    optimizer = _optimizer()
    assert ReduceLROnPlateau.steps == "monitor"
    scheduler = ReduceLROnPlateau(patience=1).build(optimizer, 1, 10)
    assert _rates(optimizer, scheduler, 3) == [1.0, 1.0, 0.1]


def test_one_cycle_needs_a_momentum() -> None:
    OneCycleLR(max_lr=0.1).check(SGD(), 1)
    OneCycleLR(max_lr=0.1, cycle_momentum=False).check(Adagrad(), 1)
    with pytest.raises(Cause) as caught:
        OneCycleLR(max_lr=0.1).check(Adagrad(), 1)
    assert caught.value.field == "scheduler"

"""What every activation says of the values that it gives, held against torch."""

from __future__ import annotations

import math

import pytest
import torch

from builder.layers.layer import layers
from builder.layers.shared.activation import Activation
from builder.layers.sigmoids import Hardtanh
from builder.layers.softmax import LogSoftmax, Softmax
from builder.shapes import TensorType

ALL = [layers[name] for name in layers if issubclass(layers[name], Activation)]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_outputs_lie_between_what_is_said_and_reach_it(cls: type[Activation]) -> None:
    one = cls(dim=1) if cls in (Softmax, LogSoftmax) else cls()  # type: ignore[call-arg]
    module = one.build(one.infer(TensorType((2,))).sizes)
    x = torch.linspace(-1e4, 1e4, 4001, dtype=torch.float64)
    found = module.double()(torch.stack([x, x.flip(0)], dim=1))
    for said, reached, sign in zip(one.between(), (found.min(), found.max()), (-1, 1), strict=True):
        if math.isfinite(said):
            assert sign * float(reached) <= sign * said and float(reached) == pytest.approx(said, abs=1e-3)


def test_bounds_of_ones_own() -> None:
    assert Hardtanh(min_val=0, max_val=6).between() == (0, 6)


def test_those_that_are_bounded() -> None:
    bounded = {cls.__name__ for cls in ALL if cls.span != (-math.inf, math.inf)}
    assert bounded == {
        "Hardsigmoid",
        "LogSoftmax",
        "ReLU",
        "Sigmoid",
        "Softmax",
        "Softplus",
        "Softsign",
        "Tanh",
    }

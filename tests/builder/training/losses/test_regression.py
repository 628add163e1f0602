"""Losses of real numbers are torch's, and say without torch what does not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from builder.data.info import Target
from builder.errors import Cause
from builder.shapes import TensorType
from builder.training.losses.loss import Loss
from builder.training.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss

TEN, REALS = Target(classes=10), Target(shape=(3,))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MSELoss(), nn.MSELoss()),
        (L1Loss(reduction="sum"), nn.L1Loss(reduction="sum")),
        (SmoothL1Loss(beta=0.5), nn.SmoothL1Loss(beta=0.5)),
        (HuberLoss(delta=0.5), nn.HuberLoss(delta=0.5)),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_a_loss_of_reals_is_torchs(ours: Loss, theirs: nn.Module) -> None:
    torch.manual_seed(0)
    output, target = torch.randn(8, 3), torch.rand(8, 3)
    assert torch.equal(ours.build()(output, target), theirs(output, target))


@pytest.mark.parametrize("loss", [MSELoss(), L1Loss(), SmoothL1Loss(), HuberLoss()], ids=repr)
def test_what_fits(loss: Loss) -> None:
    loss.check(TensorType((3,)), REALS)


@pytest.mark.parametrize(
    ("loss", "output", "target", "problem"),
    [
        (MSELoss(), (10,), TEN, "the data's target is one of 10 classes, and `MSELoss` needs real numbers"),
        (HuberLoss(), (4,), REALS, "the data's target is N×3, and the output is N×4"),
    ],
)
def test_what_does_not_fit(loss: Loss, output: tuple[int, ...], target: Target, problem: str) -> None:
    with pytest.raises(Cause) as caught:
        loss.check(TensorType(output), target)
    assert caught.value.problem == problem

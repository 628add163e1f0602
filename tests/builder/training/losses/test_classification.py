"""Losses of classes are torch's, and say without torch what does not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from builder.data.info import Target
from builder.errors import Cause
from builder.shapes import TensorType
from builder.training.losses.classification import BCEWithLogitsLoss, CrossEntropyLoss, NLLLoss
from builder.training.losses.loss import Loss

TEN, TWO, REALS = Target(classes=10), Target(classes=2), Target(shape=(3,))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (CrossEntropyLoss(), nn.CrossEntropyLoss()),
        (
            CrossEntropyLoss(weight=(1, 2, 3), label_smoothing=0.1, ignore_index=1, reduction="sum"),
            nn.CrossEntropyLoss(
                torch.tensor([1.0, 2, 3]), label_smoothing=0.1, ignore_index=1, reduction="sum"
            ),
        ),
        (NLLLoss(weight=(1, 2, 3)), nn.NLLLoss(torch.tensor([1.0, 2, 3]))),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_a_loss_of_classes_is_torchs(ours: Loss, theirs: nn.Module) -> None:
    torch.manual_seed(0)
    output, labels = torch.randn(8, 3), torch.randint(0, 3, (8,))
    assert torch.equal(ours.build()(output, labels), theirs(output, labels))


def test_shares_of_two_classes_are_reals() -> None:
    torch.manual_seed(0)
    output, target = torch.randn(8, 3), torch.rand(8, 3)
    weighed = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2, 3]))
    ours = BCEWithLogitsLoss(pos_weight=(1, 2, 3)).build()
    assert torch.equal(ours(output, target), weighed(output, target))


def test_two_classes_against_one_value() -> None:
    output, labels = torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([1, 0, 0])
    expected = -torch.stack([torch.sigmoid(v).log() for v in torch.tensor([2.0, 1.0, -0.5])]).mean()
    torch.testing.assert_close(BCEWithLogitsLoss().build()(output, labels), expected)


@pytest.mark.parametrize(
    ("loss", "output", "target"),
    [
        (CrossEntropyLoss(), (10,), TEN),
        (CrossEntropyLoss(weight=(1, 2)), (2,), TWO),
        (NLLLoss(), (2,), TWO),
        (BCEWithLogitsLoss(), (1,), TWO),
        (BCEWithLogitsLoss(pos_weight=(1, 2, 3)), (3,), REALS),
    ],
)
def test_what_fits(loss: Loss, output: tuple[int, ...], target: Target) -> None:
    loss.check(TensorType(output), target)


@pytest.mark.parametrize(
    ("loss", "output", "target", "problem"),
    [
        (CrossEntropyLoss(), (12,), TEN, "the data has 10 classes, and the output has 12 values"),
        (NLLLoss(), (1,), TWO, "the data has 2 classes, and the output has 1 values"),
        (
            CrossEntropyLoss(),
            (10, 4, 4),
            TEN,
            "`CrossEntropyLoss` needs one value per class (N×10), and the output is N×10×4×4",
        ),
        (
            CrossEntropyLoss(),
            (3,),
            REALS,
            "the data's target is real numbers, and `CrossEntropyLoss` needs classes",
        ),
        (
            CrossEntropyLoss(weight=(1, 2)),
            (10,),
            TEN,
            "the data has 10 classes, and `weight` has 2 values",
        ),
        (BCEWithLogitsLoss(), (10,), TEN, "the data has 10 classes, and `BCEWithLogitsLoss` needs two"),
        (
            BCEWithLogitsLoss(),
            (2,),
            TWO,
            "`BCEWithLogitsLoss` needs one value for two classes (N×1), and the output is N×2",
        ),
        (
            BCEWithLogitsLoss(pos_weight=(1, 2)),
            (3,),
            REALS,
            "`pos_weight` has 2 values, and the output is N×3",
        ),
    ],
)
def test_what_does_not_fit(loss: Loss, output: tuple[int, ...], target: Target, problem: str) -> None:
    with pytest.raises(Cause) as caught:
        loss.check(TensorType(output), target)
    assert caught.value.problem == problem

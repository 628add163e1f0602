"""APGD: no weaker than torchattacks'; its checkpoints and its loss by hand."""

from __future__ import annotations

import pytest
import torch

from builder.errors import RunError
from builder.robustness.attacks.aim import Aim
from builder.robustness.attacks.apgd import checkpoints, difference_of_logits_ratio
from builder.runtime import attack


@pytest.mark.parametrize("loss", ["CE", "DLR"])
@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.06), ("L2", 0.8)])
def test_robust_accuracy_is_no_higher_than_theirs(victim, loss: str, norm: str, eps: float) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    theirs = torchattacks.APGD(victim.net, norm=norm, eps=eps, steps=20, loss=loss.lower())
    said = {"APGD": {"eps": eps, "norm": norm, "steps": 20, "loss": loss}}
    ours = attack(victim.net, victim.x, victim.y, said)
    assert victim.accuracy(ours) <= victim.accuracy(theirs(victim.x, victim.y)) + 1 / 64


@pytest.mark.parametrize("loss", ["CE", "DLR"])
def test_targets_are_reached(victim, loss: str) -> None:
    said = {"APGD": {"eps": 0.3, "steps": 20, "loss": loss, "targeted": True}}
    plain = {"PGD": {"eps": 0.3, "steps": 20, "targeted": True}}
    found = victim.reached(attack(victim.net, victim.x, victim.other, said))
    least = victim.reached(attack(victim.net, victim.x, victim.other, plain))
    assert found >= (least - 0.05 if loss == "CE" else least / 2)


def test_what_withstands_is_where_the_loss_was_largest() -> None:
    """A network that cannot be fooled: the best point is the corner that the loss rises to."""
    x, y = torch.tensor([[0.9, 0.1]]), torch.tensor([0])
    found = attack(lambda x: x, x, y, {"APGD": {"eps": 0.2, "steps": 30}})
    torch.testing.assert_close(found, torch.tensor([[0.7, 0.3]]))


def test_dlr_does_not_change_with_scale_and_shift() -> None:
    z, y = torch.tensor([[5.0, 3.0, 1.0, 0.0]]), torch.tensor([0])
    for changed in (z, 1000 * z, z + 7):
        assert float(difference_of_logits_ratio(changed, Aim(y, False))) == pytest.approx((3 - 5) / (5 - 1))
        aim = Aim(torch.tensor([1]), True)
        assert float(difference_of_logits_ratio(changed, aim)) == pytest.approx((3 - 5) / (5 - 0.5))


def test_towards_a_target_dlr_leaves_the_class_without_attack() -> None:
    """Croce & Hein (2020), equation 7; not the largest other, which may change on the way."""
    z = torch.tensor([[5.0, 3.0, 1.0, 0.0]])
    aim = Aim(torch.tensor([1]), True, left=torch.tensor([2]))
    assert float(difference_of_logits_ratio(z, aim)) == pytest.approx((3 - 1) / (5 - 0.5))
    both = Aim(torch.tensor([1, 2]), True, left=torch.tensor([2, 0]))
    assert both.of(torch.tensor([False, True])).left == 0


def test_dlr_needs_classes() -> None:
    x, y = torch.rand(2, 2), torch.tensor([0, 1])
    with pytest.raises(RunError, match="compares 3 classes, and the network has 2"):
        attack(lambda x: x, x, y, {"APGD": {"eps": 0.01, "loss": "DLR"}})


def test_checkpoints_are_the_papers() -> None:
    assert sorted(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == {1}

"""DeepFool: Foolbox's and torchattacks'; a linear network by hand."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack


def _found(victim, x: torch.Tensor, norm: str) -> tuple[float, float]:
    """The share misclassified, and the median distance of what was right before."""
    right = victim.net(victim.x).argmax(1) == victim.y
    order = 2 if norm == "L2" else torch.inf
    far = torch.linalg.vector_norm((x - victim.x).flatten(1), ord=order, dim=1)
    return 1 - victim.accuracy(x), float(far[right].median())


@pytest.mark.parametrize("norm", ["L2", "Linf"])
def test_success_and_distance_are_no_worse_than_foolboxs(victim, norm: str) -> None:
    foolbox = pytest.importorskip("foolbox")
    model = foolbox.PyTorchModel(victim.net, bounds=(0, 1), device="cpu")
    theirs = getattr(foolbox.attacks, f"{norm}DeepFoolAttack")()
    theirs_found = _found(victim, theirs(model, victim.x, victim.y, epsilons=None)[0], norm)
    ours = _found(victim, attack(victim.net, victim.x, victim.y, {"DeepFool": {"norm": norm}}), norm)
    assert ours[0] >= theirs_found[0]
    assert ours[1] <= 1.05 * theirs_found[1]


def test_success_and_distance_are_no_worse_than_torchattacks(few) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    theirs = _found(few, torchattacks.DeepFool(few.net)(few.x, few.y), "L2")
    ours = _found(few, attack(few.net, few.x, few.y, {"DeepFool": {}}), "L2")
    assert ours[0] >= theirs[0]
    assert ours[1] <= 1.05 * theirs[1]


def test_a_linear_network_takes_one_step() -> None:
    """Logits (3a + 4b, 3, 0): from (0.8, 0.6) the boundary with the second is 1.8/5 away, that with the third 4.8/5."""
    weight = torch.tensor([[3.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    x, y = torch.tensor([[0.8, 0.6]]), torch.tensor([0])

    def logits(x: torch.Tensor) -> torch.Tensor:
        return x @ weight + torch.tensor([0.0, 3.0, 0.0])

    for norm, step in (("L2", (0.36 * 3 / 5, 0.36 * 4 / 5)), ("Linf", (1.8 / 7, 1.8 / 7))):
        found = attack(logits, x, y, {"DeepFool": {"steps": 1, "norm": norm, "overshoot": 0.02}})
        torch.testing.assert_close(found, x - 1.02 * torch.tensor([step]), rtol=0, atol=2e-4)
        assert logits(found).argmax() == 1


def test_targets_are_reached(victim) -> None:
    found = attack(victim.net, victim.x, victim.other, {"DeepFool": {"targeted": True}})
    assert victim.reached(found) > 0.9


def test_eps_bounds_it(victim) -> None:
    found = attack(victim.net, victim.x, victim.y, {"DeepFool": {"eps": 0.5}})
    assert float((found - victim.x).flatten(1).norm(dim=1).max()) <= 0.5 + 1e-5


def test_what_is_wrong_already_stays(victim) -> None:
    found = attack(victim.net, victim.x, victim.y, {"DeepFool": {"steps": 2}})
    wrong = victim.net(victim.x).argmax(1) != victim.y
    assert torch.equal(found[wrong], victim.x[wrong])

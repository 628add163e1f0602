"""CW: Foolbox's and torchattacks'; a linear network by hand."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack

QUICK = {"c": 1.0, "steps": 40, "binary_search_steps": 3}


def _found(few, x: torch.Tensor) -> tuple[float, float]:
    """The share misclassified, and the median distance of what was moved across."""
    right = few.net(few.x).argmax(1) == few.y
    crossed = few.net(x).argmax(1) != few.y
    far = (x - few.x).flatten(1).norm(dim=1)
    return 1 - few.accuracy(x), float(far[right & crossed].median())


def test_success_and_distance_are_no_worse_than_foolboxs(few) -> None:
    foolbox = pytest.importorskip("foolbox")
    model = foolbox.PyTorchModel(few.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.L2CarliniWagnerAttack(binary_search_steps=3, steps=40, initial_const=1.0)
    found = theirs(model, few.x, few.y, epsilons=None)[0]
    failed = ~found.flatten(1).any(1)  # where Foolbox finds none, it gives zeros
    found = _found(few, torch.where(failed[:, None, None, None], few.x, found))
    ours = _found(few, attack(few.net, few.x, few.y, {"CW": QUICK}))
    assert ours[0] >= found[0] - 0.05
    assert ours[1] <= 1.05 * found[1]


def test_success_and_distance_are_no_worse_than_torchattacks(few) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    found = _found(few, torchattacks.CW(few.net, c=10, steps=40)(few.x, few.y))
    said = {"CW": {"c": 10, "steps": 40, "binary_search_steps": 1}}
    ours = _found(few, attack(few.net, few.x, few.y, said))
    assert ours[0] >= 0.95 * found[0]
    assert ours[1] <= 1.05 * found[1]


def test_a_linear_networks_nearest_point() -> None:
    """Logits (3a + 4b, 4): from (0.8, 0.6) the boundary is (4.8 − 4)/5 away."""
    weight = torch.tensor([[3.0, 0.0], [4.0, 0.0]])
    x, y = torch.tensor([[0.8, 0.6]]), torch.tensor([0])

    def logits(x: torch.Tensor) -> torch.Tensor:
        return x @ weight + torch.tensor([0.0, 4.0])

    found = attack(logits, x, y, {"CW": {"c": 0.1, "steps": 500, "binary_search_steps": 8}})
    assert logits(found).argmax() == 1
    assert 0.16 <= float((found - x).norm()) <= 0.165


def test_kappa_is_by_how_much(few) -> None:
    found = attack(few.net, few.x, few.y, {"CW": QUICK | {"kappa": 2.0}})
    moved = (found != few.x).flatten(1).any(1)
    z = few.net(found).detach()
    own = z.gather(1, few.y[:, None])
    ahead = z.scatter(1, few.y[:, None], -torch.inf).amax(1, keepdim=True) - own
    assert moved.any() and float(ahead[moved].min()) >= 2.0 - 1e-4


def test_targets_are_reached_and_failures_come_back(few) -> None:
    found = attack(few.net, few.x, few.other, {"CW": QUICK | {"targeted": True}})
    there = few.net(found).argmax(1) == few.other
    assert there.double().mean() > 0.3
    assert torch.equal(found[~there], few.x[~there])


def test_bounds_scale_it(few) -> None:
    here = attack(few.net, few.x, few.y, {"CW": QUICK})
    there = attack(lambda x: few.net(x / 4 + 0.5), 4 * few.x - 2, few.y, {"CW": QUICK}, bounds=(-2, 2))
    far = [(there + 2) / 4 - few.x, here - few.x]
    assert float(far[0].norm()) == pytest.approx(float(far[1].norm()), rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_lies_at_its_bounds_can_leave_them(dtype: torch.dtype) -> None:
    """Black and white alone: there tanh is flat. Logits (a − b, b − a) from (1, 0); the boundary is √½ away."""
    x, y = torch.tensor([[1.0, 0.0]], dtype=dtype), torch.tensor([0])
    weight = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=dtype)
    found = attack(lambda x: x @ weight, x, y, {"CW": {"kappa": 0.05, "binary_search_steps": 6}})
    assert found.dtype == dtype and found[0, 0] < found[0, 1]
    assert float((found - x).float().norm()) == pytest.approx(0.5**0.5, rel=0.05)


def test_what_is_wrong_already_does_not_move() -> None:
    x, y = torch.tensor([[0.4, 0.6]]), torch.tensor([0])
    assert torch.equal(attack(lambda x: x, x, y, {"CW": QUICK}), x)

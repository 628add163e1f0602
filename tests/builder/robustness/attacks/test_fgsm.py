"""FGSM: bit for bit Foolbox's and torchattacks'; by hand on a linear network."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack


def test_linf_is_theirs_to_the_bit(victim) -> None:
    ours = attack(victim.net, victim.x, victim.y, {"FGSM": {"eps": 0.1}})
    foolbox, torchattacks = pytest.importorskip("foolbox"), pytest.importorskip("torchattacks")
    model = foolbox.PyTorchModel(victim.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.LinfFastGradientAttack(random_start=False)(
        model, victim.x, victim.y, epsilons=0.1
    )[1]
    assert torch.equal(ours, theirs)
    assert torch.equal(ours, torchattacks.FGSM(victim.net, eps=0.1)(victim.x, victim.y))
    assert victim.accuracy(ours) < victim.accuracy(victim.x) - 0.2


def test_targeted_is_theirs_to_the_bit(victim) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    theirs = torchattacks.FGSM(victim.net, eps=0.1)
    theirs.set_mode_targeted_by_label(quiet=True)
    ours = attack(victim.net, victim.x, victim.other, {"FGSM": {"eps": 0.1, "targeted": True}})
    assert torch.equal(ours, theirs(victim.x, victim.other))


def test_l2_is_theirs(exact) -> None:
    foolbox = pytest.importorskip("foolbox")
    model = foolbox.PyTorchModel(exact.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.L2FastGradientAttack(random_start=False)(model, exact.x, exact.y, epsilons=1.5)[
        1
    ]
    ours = attack(exact.net, exact.x, exact.y, {"FGSM": {"eps": 1.5, "norm": "L2"}})
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_by_hand() -> None:
    """Logits (2a − b, 0): the true class 0 loses where a falls and b rises; c has no part, and stays."""
    weight = torch.tensor([[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    x, y = torch.tensor([[0.5, 0.5, 0.5], [0.05, 0.95, 0.5]]), torch.tensor([0, 0])
    found = attack(lambda x: x @ weight, x, y, {"FGSM": 0.125})
    assert found.tolist() == [[0.375, 0.625, 0.5], [0.0, 1.0, 0.5]]
    far = attack(lambda x: x @ weight, x[:1], y[:1], {"FGSM": {"eps": 0.25, "norm": "L2"}})
    root = 5**0.5
    torch.testing.assert_close(far, torch.tensor([[0.5 - 0.5 / root, 0.5 + 0.25 / root, 0.5]]))


def test_eps_is_a_share_of_the_bounds() -> None:
    x, y = torch.tensor([[1.0, -1.0]]), torch.tensor([0])
    found = attack(lambda x: x, x, y, {"FGSM": 0.1}, bounds=(-20.0, 20.0))
    assert found.tolist() == [[-3.0, 3.0]]


def test_what_has_no_gradient_does_not_move() -> None:
    x, y = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0, 0])
    found = attack(lambda x: 1e4 * x, x, y, {"FGSM": 0.25})  # the first example's softmax is saturated
    assert found.tolist() == [[1.0, 0.0], [0.25, 0.75]]

"""BIM: Foolbox's and torchattacks'."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack


def test_it_is_theirs(exact) -> None:
    fields = {"eps": 0.2, "alpha": 0.01, "steps": 20}
    ours = attack(exact.net, exact.x, exact.y, {"BIM": fields})
    foolbox, torchattacks = pytest.importorskip("foolbox"), pytest.importorskip("torchattacks")
    model = foolbox.PyTorchModel(exact.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=0.01, steps=20, random_start=False)
    found = theirs(model, exact.x, exact.y, epsilons=0.2)[1]
    torch.testing.assert_close(ours, found, rtol=0, atol=1e-9)
    found = torchattacks.BIM(exact.net, **fields)(exact.x, exact.y)
    torch.testing.assert_close(ours, found, rtol=0, atol=1e-9)


def test_l2_is_theirs(exact) -> None:
    foolbox = pytest.importorskip("foolbox")
    model = foolbox.PyTorchModel(exact.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.L2BasicIterativeAttack(abs_stepsize=0.2, steps=20, random_start=False)
    ours = attack(exact.net, exact.x, exact.y, {"BIM": {"eps": 2, "alpha": 0.2, "steps": 20, "norm": "L2"}})
    torch.testing.assert_close(ours, theirs(model, exact.x, exact.y, epsilons=2)[1], rtol=0, atol=1e-9)


def test_the_default_alpha_reaches_a_quarter_beyond_eps() -> None:
    x, y = torch.tensor([[0.5, 0.5]]), torch.tensor([0])
    said = {"eps": 0.4, "steps": 5}
    assert torch.equal(
        attack(lambda x: x, x, y, {"BIM": said}), attack(lambda x: x, x, y, {"BIM": said | {"alpha": 0.1}})
    )

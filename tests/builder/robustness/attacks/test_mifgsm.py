"""MIFGSM: torchattacks'."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack


def test_it_is_theirs(victim) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    for decay in (1.0, 0.5):
        fields = {"eps": 0.2, "alpha": 0.02, "steps": 15, "decay": decay}
        theirs = torchattacks.MIFGSM(victim.net, **fields)
        ours = attack(victim.net, victim.x, victim.y, {"MIFGSM": fields})
        torch.testing.assert_close(ours, theirs(victim.x, victim.y), rtol=0, atol=1e-6)
        theirs.set_mode_targeted_by_label(quiet=True)
        ours = attack(victim.net, victim.x, victim.other, {"MIFGSM": {**fields, "targeted": True}})
        torch.testing.assert_close(ours, theirs(victim.x, victim.other), rtol=0, atol=1e-6)


def test_without_decay_it_is_bim(victim) -> None:
    fields = {"eps": 0.2, "alpha": 0.02, "steps": 15}
    for norm in ("Linf", "L2"):
        momentum = attack(victim.net, victim.x, victim.y, {"MIFGSM": fields | {"decay": 0, "norm": norm}})
        plain = attack(victim.net, victim.x, victim.y, {"BIM": fields | {"norm": norm}})
        torch.testing.assert_close(momentum, plain, rtol=0, atol=1e-6)


def test_no_gradient_is_no_nan() -> None:
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    assert torch.equal(attack(lambda x: 1e4 * x, x, y, {"MIFGSM": 0.25}), x)

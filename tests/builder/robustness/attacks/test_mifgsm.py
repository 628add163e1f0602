"""MIFGSM: torchattacks'."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack


def test_it_is_theirs(exact) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    for decay in (1.0, 0.5):
        fields = {"eps": 0.2, "alpha": 0.02, "steps": 15, "decay": decay}
        theirs = torchattacks.MIFGSM(exact.net, **fields)
        ours = attack(exact.net, exact.x, exact.y, {"MIFGSM": fields})
        torch.testing.assert_close(ours, theirs(exact.x, exact.y), rtol=0, atol=1e-9)
        theirs.set_mode_targeted_by_label(quiet=True)
        ours = attack(exact.net, exact.x, exact.other, {"MIFGSM": {**fields, "targeted": True}})
        torch.testing.assert_close(ours, theirs(exact.x, exact.other), rtol=0, atol=1e-9)


def test_without_decay_it_is_bim(exact) -> None:
    fields = {"eps": 0.2, "alpha": 0.02, "steps": 15}
    for norm in ("Linf", "L2"):
        momentum = attack(exact.net, exact.x, exact.y, {"MIFGSM": fields | {"decay": 0, "norm": norm}})
        plain = attack(exact.net, exact.x, exact.y, {"BIM": fields | {"norm": norm}})
        torch.testing.assert_close(momentum, plain, rtol=0, atol=1e-9)


def test_no_gradient_is_no_nan() -> None:
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    assert torch.equal(attack(lambda x: 1e4 * x, x, y, {"MIFGSM": 0.25}), x)

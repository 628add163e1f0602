"""PGD: Foolbox's and torchattacks', and what restarts, early stops and random starts do."""

from __future__ import annotations

import pytest
import torch

from builder.runtime import attack

PLAIN = {"eps": 0.3, "alpha": 0.01, "steps": 40, "random_start": False}
FAR = {"eps": 2.0, "alpha": 0.2, "steps": 20, "random_start": False}


def test_linf_is_theirs(exact) -> None:
    ours = attack(exact.net, exact.x, exact.y, {"PGD": PLAIN})
    foolbox, torchattacks = pytest.importorskip("foolbox"), pytest.importorskip("torchattacks")
    model = foolbox.PyTorchModel(exact.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.LinfPGD(abs_stepsize=0.01, steps=40, random_start=False)
    torch.testing.assert_close(ours, theirs(model, exact.x, exact.y, epsilons=0.3)[1], rtol=0, atol=1e-9)
    found = torchattacks.PGD(exact.net, **PLAIN)(exact.x, exact.y)
    torch.testing.assert_close(ours, found, rtol=0, atol=1e-9)
    assert exact.accuracy(ours) < 0.1


def test_l2_is_theirs(exact) -> None:
    ours = attack(exact.net, exact.x, exact.y, {"PGD": FAR | {"norm": "L2"}})
    foolbox, torchattacks = pytest.importorskip("foolbox"), pytest.importorskip("torchattacks")
    model = foolbox.PyTorchModel(exact.net, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.L2PGD(abs_stepsize=0.2, steps=20, random_start=False)
    torch.testing.assert_close(ours, theirs(model, exact.x, exact.y, epsilons=2.0)[1], rtol=0, atol=1e-9)
    found = torchattacks.PGDL2(exact.net, **FAR, eps_for_division=1e-30)(exact.x, exact.y)
    torch.testing.assert_close(ours, found, rtol=0, atol=1e-9)


def test_targeted_is_theirs(exact) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    for theirs, fields, norm in ((torchattacks.PGD, PLAIN, "Linf"), (torchattacks.PGDL2, FAR, "L2")):
        made = theirs(exact.net, **fields)
        made.eps_for_division = 1e-30  # as good as none: it would shorten steps of small gradients
        made.set_mode_targeted_by_label(quiet=True)
        ours = attack(exact.net, exact.x, exact.other, {"PGD": fields | {"targeted": True, "norm": norm}})
        torch.testing.assert_close(ours, made(exact.x, exact.other), rtol=0, atol=1e-9)
        assert exact.reached(ours) > 0.3


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.06), ("L2", 0.8)])
def test_restarts_and_early_stops_keep_what_was_found(victim, norm: str, eps: float) -> None:
    once = {"eps": eps, "norm": norm, "steps": 10}
    one = victim.accuracy(attack(victim.net, victim.x, victim.y, {"PGD": once}))
    for more in ({"restarts": 3}, {"early_stop": True}, {"restarts": 3, "early_stop": True}):
        assert victim.accuracy(attack(victim.net, victim.x, victim.y, {"PGD": once | more})) <= one


def test_an_early_stop_is_the_first_point_that_reaches(exact) -> None:
    fields = {"eps": 0.3, "alpha": 0.02, "random_start": False}
    steps = range(1, 12)
    along = [attack(exact.net, exact.x, exact.y, {"PGD": fields | {"steps": n}}) for n in steps]
    found = attack(exact.net, exact.x, exact.y, {"PGD": fields | {"steps": 11, "early_stop": True}})
    for i, y in enumerate(exact.y):
        path = [exact.x[i], *(at[i] for at in along)]
        first = next((at for at in path[:-1] if exact.net(at[None]).argmax() != y), path[-1])
        torch.testing.assert_close(found[i], first, rtol=0, atol=1e-9)


def test_the_seed_is_the_start(victim) -> None:
    said = {"PGD": {"eps": 0.1, "steps": 1, "alpha": 0.01}}
    one, again, other = (attack(victim.net, victim.x, victim.y, said, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)

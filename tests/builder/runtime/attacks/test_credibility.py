"""Reasons to doubt an evaluation, from figures that are made up; those from networks: test_attack_run.py."""

from __future__ import annotations

import torch
from torch import nn

from builder.robustness.attacks.attack import Attack
from builder.robustness.attacks.fgsm import FGSM
from builder.robustness.attacks.pgd import PGD
from builder.runtime.attacks.credibility import Evaluated, doubts
from builder.runtime.attacks.in_source_units import Sourced
from builder.runtime.attacks.results import Curve
from builder.runtime.data.splits import Preprocessing


def told(
    clean: float, curves: dict[str, tuple[Attack, tuple[float, ...]]], count: int = 40, scale: float = 1
) -> dict[str, str]:
    """What is doubted of accuracies at eps 0 and 0.1; the network itself gives no cause."""
    torch.manual_seed(0)
    linear = nn.Linear(6, 3).eval()
    linear.weight.data.mul_(scale)
    network = Sourced(linear, Preprocessing(), (0.0, 1.0))
    x = torch.rand(count, 6)
    y = network(x).argmax(1)
    made = {name: Curve(attack, (0.0, 0.1), left) for name, (attack, left) in curves.items()}
    found = Evaluated(network, x, y, lambda: torch.Generator().manual_seed(0), clean, made)
    return {doubt.name: doubt.told for doubt in doubts(found, min(made, default=None))}


def test_nothing_is_doubted_without_cause() -> None:
    one, many = (FGSM(eps=0.1), (0.9, 0.5)), (PGD(eps=0.1, steps=10), (0.9, 0.4))
    assert told(0.9, {"one": one, "many": many}) == {}


def test_a_changed_accuracy_where_nothing_changed() -> None:
    found = told(0.9, {"one": (FGSM(eps=0.1), (0.8, 0.5))})
    assert found["eps_zero"] == "one at eps 0 leaves 80.0%, and 90.0% are right without an attack."


def test_one_step_that_finds_what_many_do_not() -> None:
    one = (FGSM(eps=0.1), (0.9, 0.3))
    found = told(0.9, {"one": one, "many": (PGD(eps=0.1, steps=10), (0.9, 0.5))})
    assert found["one_step_beats_many"].startswith("At eps 0.1 one leaves 30.0% and many")
    other = (PGD(eps=0.1, steps=10, norm="L2"), (0.9, 0.5))
    assert "one_step_beats_many" not in told(0.9, {"one": one, "many": other}), "other distances"
    assert "one_step_beats_many" not in told(0.9, {"one": one, "many": (PGD(eps=0.1), (0.9, 0.32))}), "chance"


def test_two_examples_among_few_are_chance() -> None:
    curves = {"one": (FGSM(eps=0.1), (0.9, 0.5)), "many": (PGD(eps=0.1, steps=10), (0.9, 0.6))}
    assert "one_step_beats_many" not in told(0.9, curves, count=20)
    assert "one_step_beats_many" in told(0.9, curves, count=200)


def test_a_flat_softmax_is_no_doubt_about_attacks_on_the_logits() -> None:
    assert "zero_gradients" in told(0.9, {"one": (FGSM(eps=0.1), (0.9, 0.9))}, scale=1e6)
    assert told(0.9, {}, scale=1e6) == {}

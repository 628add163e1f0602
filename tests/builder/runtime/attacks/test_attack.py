"""What holds for every attack: bounds, distance, batches, modes, and what cannot be attacked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builder.errors import RunError
from builder.robustness.attacks.attack import attacks
from builder.runtime import attack
from builder.runtime.attacks.attack import at_unit_spread, gradient_report, read_attack
from builder.runtime.attacks.perturbation import Ball

QUICK = {
    "FGSM": {"eps": 0.1},
    "BIM": {"eps": 0.1, "steps": 4},
    "PGD": {"eps": 0.1, "steps": 4, "restarts": 2},
    "MIFGSM": {"eps": 0.1, "steps": 4},
    "DeepFool": {"eps": 0.1, "steps": 4},
    "CW": {"eps": 0.1, "c": 1, "lr": 0.1, "steps": 10, "binary_search_steps": 2},
    "APGD": {"eps": 0.1, "steps": 6, "restarts": 2},
    "Square": {"eps": 0.1, "queries": 20, "restarts": 2},
}
PLAIN = {
    "FGSM": {},
    "BIM": {},
    "PGD": {"random_start": False, "restarts": 1},
    "MIFGSM": {},
    "DeepFool": {},
    "CW": {},
}
every_attack = pytest.mark.parametrize("name", list(attacks))


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 5))


def _batch(n: int = 9, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, 3, 2, 2, generator=generator).to(dtype), torch.arange(n) % 5


def test_every_attack_is_held_here() -> None:
    assert set(QUICK) == set(attacks)


@every_attack
@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds_distance_shape_and_type_are_kept(name: str, norm: str, dtype: torch.dtype) -> None:
    if (name, norm) == ("CW", "Linf"):
        return
    x, y = _batch(dtype=dtype)
    x = 4 * x - 2
    found = attack(_net().to(dtype), x, y, {name: QUICK[name] | {"norm": norm}}, bounds=(-2, 2))
    assert found.shape == x.shape and found.dtype == dtype and not found.requires_grad
    assert float(found.min()) >= -2 and float(found.max()) <= 2
    far = torch.linalg.vector_norm((found - x).flatten(1), ord=torch.inf if norm == "Linf" else 2, dim=1)
    assert 0 < float(far.max()) <= 0.4 + 1e-6
    assert torch.equal(x, 4 * _batch(dtype=dtype)[0] - 2), "the inputs are the caller's"


@pytest.mark.parametrize("name", list(PLAIN))
@pytest.mark.parametrize("targeted", [False, True])
def test_a_batch_changes_no_example(name: str, targeted: bool) -> None:
    x, y = _batch(dtype=torch.float64)
    net, said = _net().double(), {name: QUICK[name] | PLAIN[name] | {"targeted": targeted}}
    alone = torch.cat([attack(net, x[i : i + 1], y[i : i + 1], said) for i in range(len(x))])
    torch.testing.assert_close(attack(net, x, y, said), alone)


@every_attack
def test_the_module_is_left_as_it_was(name: str) -> None:
    x, y = _batch()
    net = _net().train()
    net[2].eval()
    net[1].weight.requires_grad_(False)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():  # a caller's habit
        attack(net, x, y, {name: QUICK[name]})
    assert [part.training for part in net] == [True, True, False, True, True]
    assert all(p.grad is None for p in net.parameters())
    assert [p.requires_grad for p in net.parameters()] == [False, True, True, True, True, True]
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_the_module_is_left_as_it_was_when_something_fails() -> None:
    x, y = _batch()
    net = _net().train()
    with pytest.raises(RunError):
        attack(net, x, y + 3, {"FGSM": 0.1})
    with pytest.raises(RuntimeError):
        attack(net, x[:, :1], y, {"PGD": 0.1})
    assert all(part.training for part in net)


@every_attack
def test_a_callers_gradients_random_numbers_and_modes_do_not_matter(name: str) -> None:
    x, y = _batch()
    plain = attack(_net(), x, y, {name: QUICK[name]})
    with torch.inference_mode():
        frozen = x + 0, y + 0
    state = torch.get_rng_state()
    for given in ((x.clone().requires_grad_(), y), frozen):
        found = attack(_net(), *given, {name: QUICK[name]})
        assert torch.equal(found, plain) and not found.requires_grad
    torch.set_rng_state(state)
    net = _net()
    state = torch.get_rng_state()
    attack(net, x, y, {name: QUICK[name]})
    assert torch.equal(torch.get_rng_state(), state)


def test_without_eps_not_a_bit_is_moved() -> None:
    """x + (found − x) is not found: a boundary that was just crossed would be lost."""
    x, found = torch.tensor([[1.0, 0.0]]), torch.tensor([[1e-9, 0.5]])
    assert torch.equal(Ball(x, "L2", None, (0.0, 1.0)).held(found), found)


def test_cudnn_is_left_alone() -> None:
    seen = []

    def logits(x: Tensor) -> Tensor:
        seen.append(torch.backends.cudnn.deterministic)
        return x.flatten(1)

    x, y = _batch()
    torch.backends.cudnn.deterministic = True
    try:
        attack(logits, x, y, {"FGSM": 0.1})
    finally:
        torch.backends.cudnn.deterministic = False
    assert seen and all(seen)


@every_attack
def test_no_examples_give_none(name: str) -> None:
    x, y = _batch()
    assert attack(_net(), x[:0], y[:0], {name: QUICK[name]}).shape == (0, 3, 2, 2)


@every_attack
def test_no_number_leaves_an_example_as_it_was(name: str) -> None:
    x, y = torch.tensor([[0.5, 0.25], [0.5, 0.25]]), torch.tensor([0, 0])
    broken = torch.tensor([[math.nan], [0.0]])

    def logits(x: Tensor) -> Tensor:
        return x + broken[-len(x) :] * x

    found = attack(logits, x, y, {name: QUICK[name]})
    assert found.isfinite().all()


@every_attack
def test_eps_zero_moves_nothing(name: str) -> None:
    x, y = _batch()
    assert torch.equal(attack(_net(), x, y, {name: QUICK[name] | {"eps": 0}}), x)


@pytest.mark.parametrize(
    ("logits", "problem"),
    [
        (lambda net, x: net(x).detach(), "no gradients: its output does not lead back"),
        (lambda net, x: net(x).argmax(1), "no gradients: it gives whole numbers"),
        (
            lambda net, x: net(torch.from_numpy(x.numpy())),
            "no gradients: it takes its input as a NumPy array",
        ),
        (lambda net, x: net(x).detach().numpy(), "no gradients: it gives a `ndarray`"),
        (lambda net, x: net(torch.zeros_like(x)), "no gradients: its output does not depend"),
        (lambda net, x: net(x)[:, :1], r"at least two classes: 9 examples give \[9, 1\]"),
        (lambda net, x: net(x)[:, :, None], r"9 examples give \[9, 5, 1\]"),
        (lambda net, x: net(x)[:2], r"9 examples give \[2, 5\]"),
        (lambda net, x: net(x)[:, :4], "There is a class 4 in `y`, and the network has 4: 0 to 3"),
    ],
)
@every_attack
def test_what_cannot_be_attacked(
    name: str, logits: Callable[[nn.Module, Tensor], Tensor], problem: str
) -> None:
    x, y = _batch()
    net = _net().eval()
    if name == "Square" and ("output does not" in problem or "NumPy" in problem):  # it asks for no gradient
        return
    with pytest.raises(RunError, match=problem):
        attack(lambda x: logits(net, x), x, y, {name: QUICK[name]})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda x, y: (x * 2, y), "outside their bounds"),
        (lambda x, y: (x * math.nan, y), "outside their bounds"),
        (lambda x, y: ((x * 9).long(), y), "needs inputs N×… of real numbers"),
        (lambda x, y: (x, y - 1), "There is a class -1"),
        (lambda x, y: (x, y.float()), "9 examples need as many classes"),
        (lambda x, y: (x, y[:3]), "9 examples need as many classes"),
        (lambda x, y: (x.numpy(), y), "needs tensors, and `x` is a `ndarray`"),
        (lambda x, y: (x, y.tolist()), "needs tensors, and `y` is a `list`"),
    ],
)
def test_inputs_that_do_not_fit(change: Callable[..., tuple[Tensor, Tensor]], problem: str) -> None:
    x, y = change(*_batch())
    with pytest.raises(RunError, match=problem):
        attack(_net(), x, y, {"FGSM": 0.1})


def test_bounds_that_are_none() -> None:
    x, y = _batch()
    none: list[Any] = [
        (1, 0),
        (0, math.inf),
        (math.nan, 1),
        None,
        1,
        (0, 1, 2),
        "01",
        ("a", "b"),
        torch.eye(2),
    ]
    for bounds in none:
        with pytest.raises(RunError, match="a smaller and a larger finite number"):
            attack(_net(), x, y, {"FGSM": 0.1}, bounds=bounds)


def test_bounds_of_torch_and_numpy_are_bounds() -> None:
    x, y = _batch()
    for bounds in (torch.tensor([0.0, 1.0]), np.array([0, 1]), [0, 1]):
        given: Any = bounds
        assert torch.equal(
            attack(_net(), x, y, {"PGD": 0.1}, bounds=given), attack(_net(), x, y, {"PGD": 0.1})
        )


def test_inputs_of_another_type_than_the_weights() -> None:
    x, y = _batch(dtype=torch.float64)
    with pytest.raises(RunError, match=r"inputs are torch.float64, and the network's weights torch.float32"):
        attack(_net(), x, y, {"FGSM": 0.1})
    with pytest.raises(RunError, match=r"Write `x.to\(torch.float32\)`"):
        attack(nn.Sequential(nn.Conv2d(3, 5, 2), nn.Flatten()), x, y, {"FGSM": 0.1})


@every_attack
def test_a_first_layer_that_works_in_place_spoils_no_input(name: str) -> None:
    x, y = _batch()
    x = 2 * x - 1
    found = []
    for inplace in (False, True):
        net = nn.Sequential(nn.ReLU(inplace=inplace), _net())
        found.append(attack(net, x, y, {name: QUICK[name]}, bounds=(-1, 1)))
    assert torch.equal(*found)
    assert torch.equal(x, 2 * _batch()[0] - 1)


@every_attack
def test_an_eps_beyond_what_the_bounds_hold_is_no_more_than_they_hold(name: str) -> None:
    x, y = _batch()
    found = [
        attack(_net(), x, y, {name: QUICK[name] | {"eps": eps, "norm": "L2"}})
        for eps in (12**0.5, 1e20, 1e300)
    ]
    assert not torch.equal(found[0], x)
    assert torch.equal(found[0], found[1]) and torch.equal(found[1], found[2])


def test_a_step_beyond_what_the_bounds_hold() -> None:
    x, y = _batch()
    said = {"BIM": {"eps": 2, "alpha": 1e30, "norm": "L2"}}
    assert not torch.equal(attack(_net(), x, y, said), x)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"PGD": {"eps": 8}}, "8 was meant as 8/255"),
        ({"PGDD": 0.1}, "Did you mean `PGD`"),
        ({"PGD": {"eps": 0.1, "step": 3}}, "`PGD` has no field `step`"),
        ("FGSM", "`FGSM` needs `eps`"),
        ({"PGD": 0.1, "FGSM": 0.1}, "expected an attack as `Name`"),
        (["PGD"], "expected an attack as `Name` or `Name: {…}`, found a list"),
        (None, "expected an attack as `Name` or `Name: {…}`, found nothing"),
    ],
)
def test_attacks_that_are_none(said: Any, problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        read_attack(said)


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    for eps in (np.float32(0.25), torch.tensor(0.25)):
        assert read_attack({"FGSM": {"eps": eps}}) == read_attack({"FGSM": 0.25})


def test_a_report_of_gradients() -> None:
    x, y = torch.tensor([[0.9, 0.1], [0.4, 0.6]]), torch.tensor([0, 0])
    assert gradient_report(lambda x: x, x, y) == (0.0, 0.0, True)
    assert gradient_report(lambda x: 1e6 * x, x, y) == (0.5, 0.0, True)
    assert gradient_report(lambda x: (x - 0.4).abs().sqrt(), x, y).broken == 0.5
    assert not gradient_report(lambda x: x + torch.rand_like(x), x, y).repeats


def test_a_large_last_layer_hides_nothing_at_unit_spread() -> None:
    x, y = _batch()
    net = _net().eval()
    y = net(x).argmax(1)
    found = [
        attack(at_unit_spread(lambda x, s=scale: s * net(x)), x, y, {"BIM": {"eps": 0.2, "steps": 5}})
        for scale in (1.0, 1e6)
    ]
    torch.testing.assert_close(*found)
    hidden = attack(lambda x: 1e6 * net(x), x, y, {"BIM": {"eps": 0.2, "steps": 5}})
    assert (net(found[1]).argmax(1) == y).sum() < (net(hidden).argmax(1) == y).sum()

"""Square: no weaker than torchattacks'; a network without gradients falls to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from builder.robustness.attacks.square import HALVED_AFTER, Square
from builder.runtime import attack

LINF_L2 = pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.06), ("L2", 0.8)])


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.12), ("L2", 3.0)])
def test_robust_accuracy_is_no_higher_than_theirs(victim, norm: str, eps: float) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    theirs = torchattacks.Square(victim.net, norm=norm, eps=eps, n_queries=200, seed=0)
    ours = attack(victim.net, victim.x, victim.y, {"Square": {"eps": eps, "norm": norm, "queries": 200}})
    assert victim.accuracy(ours) <= victim.accuracy(theirs(victim.x, victim.y)) + 3 / 64
    assert victim.accuracy(ours) < victim.accuracy(victim.x) - 0.2


@LINF_L2
def test_it_stays_in_the_ball_and_the_bounds(victim, norm: str, eps: float) -> None:
    x = 4 * victim.x - 2
    said = {"Square": {"eps": eps, "norm": norm, "queries": 30}}
    found = attack(lambda x: victim.net((x + 2) / 4), x, victim.y, said, bounds=(-2, 2))
    assert float(found.min()) >= -2 and float(found.max()) <= 2
    order = torch.inf if norm == "Linf" else 2
    far = torch.linalg.vector_norm((found - x).flatten(1), ord=order, dim=1)
    assert 0.3 * 4 * eps < float(far.max()) <= 4 * eps + 1e-5


@LINF_L2
@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (3, 9), (2, 3, 1), (1, 2, 5), (2, 2, 3, 3)])
def test_data_of_any_shape(norm: str, eps: float, shape: tuple[int, ...]) -> None:
    """The sum of the entries decides; the corner of the ball that lowers it most is found."""
    x = torch.full((5, *shape), 0.5)

    def logits(x: Tensor) -> Tensor:
        total = x.flatten(1).sum(1, keepdim=True)
        return torch.cat([total, torch.full_like(total, -1e3)], dim=1)

    said = {"Square": {"eps": eps / 2, "norm": norm, "queries": 600}}
    found = attack(logits, x, torch.zeros(5, dtype=torch.int64), said)
    size = x[0].numel()
    most = eps / 2 * (size if norm == "Linf" else size**0.5)
    lost = (x - found).flatten(1).sum(1)
    assert float(lost.max()) <= most + 1e-4
    assert float(lost.min()) >= (0.75 if norm == "Linf" else 0.4) * most


class Steps(nn.Module):
    """A network of steps: its gradient is 0 everywhere."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.net((x * 64).round() / 64 + 0 * x)
        return z


def test_a_network_without_gradients_falls_to_it_and_not_to_pgd(victim) -> None:
    steps = Steps(victim.net)
    within = {"eps": 0.15}
    clean = victim.accuracy(victim.x)
    still = {"PGD": within | {"steps": 10, "random_start": False}}
    followed = attack(steps, victim.x, victim.y, still)
    assert torch.equal(followed, victim.x)
    found = attack(steps, victim.x, victim.y, {"Square": within | {"queries": 300}})
    with torch.no_grad():
        left = float((steps(found).argmax(1) == victim.y).double().mean())
    assert clean > 0.8 and left < 0.3


def test_logits_are_enough(victim) -> None:
    """A detached output, and one from NumPy: the same as the network's own."""
    said = {"Square": {"eps": 0.1, "queries": 20}}
    own = attack(victim.net, victim.x, victim.y, said)

    def from_numpy(x: Tensor) -> Tensor:
        return victim.net(torch.from_numpy(x.numpy())).detach()

    assert torch.equal(attack(from_numpy, victim.x, victim.y, said), own)


@LINF_L2
def test_targets_are_reached(few, norm: str, eps: float) -> None:
    said = {"Square": {"eps": 5 * eps, "norm": norm, "queries": 300, "targeted": True}}
    assert few.reached(attack(few.net, few.x, few.other, said)) > few.reached(few.x) + 0.2


@LINF_L2
def test_the_seed_is_all_chance(few, norm: str, eps: float) -> None:
    said = {"Square": {"eps": eps, "norm": norm, "queries": 20}}
    one, again, other = (attack(few.net, few.x, few.y, said, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_more_queries_and_restarts_keep_what_was_found(few) -> None:
    fields = {"eps": 0.06, "queries": 40}
    one = few.accuracy(attack(few.net, few.x, few.y, {"Square": fields}))
    for more in ({"queries": 400}, {"restarts": 3}):
        assert few.accuracy(attack(few.net, few.x, few.y, {"Square": fields | more})) <= one


def test_an_example_that_gave_way_is_asked_no_more(few) -> None:
    asked: list[int] = []

    def logits(x: Tensor) -> Tensor:
        asked.append(len(x))
        z: Tensor = few.net(x)
        return z

    attack(logits, few.x, few.y, {"Square": {"eps": 0.3, "queries": 50}})
    assert asked == sorted(asked, reverse=True) and asked[-1] < len(few.x)
    asked.clear()
    attack(lambda x: logits(x) * 0, few.x, torch.zeros_like(few.y), {"Square": {"eps": 0.1, "queries": 50}})
    assert len(asked) == 51, "and one to know who withstands"


def test_windows_shrink_as_the_papers() -> None:
    """At 10,000 queries, halved after each of these; at fewer, at the same shares of them."""
    attacks = Square(eps=0.1, queries=10_000), Square(eps=0.1, queries=100)
    for count, after in enumerate(HALVED_AFTER):
        assert attacks[0].share(after) == 0.8 / 2**count
        assert attacks[0].share(after + 1) == 0.4 / 2**count
    assert attacks[1].share(1) == 0.2 and attacks[1].share(100) == 0.8 / 2**8


def test_the_table_of_attacks_has_it() -> None:
    table = (Path(__file__).parents[4] / "docs" / "attacks.md").read_text(encoding="utf-8")
    assert "| `Square` |" in table and "`queries p_init restarts`" in table

"""The scan, on a processor and as on a GPU, held against a plain loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builder.runtime.cells import linear_scan as module
from builder.runtime.cells.linear_scan import linear_scan


def by_hand(factor: Tensor, rest: Tensor, first: Tensor) -> Tensor:
    found = []
    for a, b in zip(factor, rest, strict=True):
        first = a * first + b
        found.append(first)
    return torch.stack(found)


def inputs(steps: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    a, b = (torch.randn(steps, 3, 4, dtype=dtype, requires_grad=True) for _ in range(2))
    return a, b, torch.randn(3, 4, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("steps", [1, 2, 7, 64])
def test_as_a_plain_loop(steps: int) -> None:
    given = inputs(steps)
    ours, theirs = linear_scan(*given), by_hand(*given)
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad((ours * weight).sum(), given),
        torch.autograd.grad((theirs * weight).sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("steps", [1, 2, 5, 8, 33])
def test_the_rounds_as_a_plain_loop(steps: int) -> None:
    given = inputs(steps)
    torch.testing.assert_close(module._doubled(*given), by_hand(*given))


def test_gradients_and_their_gradients() -> None:
    given = inputs(4)
    assert torch.autograd.gradcheck(linear_scan, given)
    assert torch.autograd.gradgradcheck(linear_scan, given)


def test_a_factor_that_is_the_same_at_all_steps() -> None:
    _, b, first = inputs(6)
    a = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    spread = a.expand(6, 3, 4)
    ours, theirs = linear_scan(spread, b, first), by_hand(spread, b, first)
    torch.testing.assert_close(torch.autograd.grad(ours.sum(), a)[0], torch.autograd.grad(theirs.sum(), a)[0])


def test_factors_that_vanish_or_grow_are_safe() -> None:
    factor = torch.zeros(2000, 1, 2)
    factor[:, 0, 1] = 1.001
    found = linear_scan(factor, torch.ones(2000, 1, 2), torch.zeros(1, 2))
    assert found.isfinite().all()
    assert found[-1, 0, 0] == 1


def test_the_rounds_of_the_worked_example() -> None:
    """The table of the docstring: every step's line after the line ``reach`` steps before it."""
    lines = [(2, 1), (0, 1), (3, 0), (-1, 2)]
    lines[0] = (2, 2 * 1 + 1)  # the first step takes h = 1 in
    table = [lines]
    for reach in (1, 2):
        before = table[-1]
        table.append(
            before[:reach]
            + [(p * q, p * e + f) for (p, f), (q, e) in zip(before[reach:], before[:-reach], strict=True)]
        )
    assert [[rest for _, rest in row] for row in table] == [[3, 1, 0, 2], [3, 1, 3, 2], [3, 1, 3, -1]]
    assert [[product for product, _ in row] for row in table] == [[2, 0, 3, -1], [2, 0, 0, -3], [2, 0, 0, 0]]

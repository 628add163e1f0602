"""Cells written to blow up: they build in little time, and compute what the equations say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from builder.cells.cell import Cell
from builder.cells.plan.listing import TooLarge
from builder.cells.plan.program import compile_cell
from builder.cells.reader import read_cell
from builder.cells.shown.data_flow import data_flow
from builder.errors import Place, Report
from builder.explanation import explain_cell
from builder.language.source import read_text
from builder.runtime.cells.module import CellModule
from builder.runtime.cells.plain import unrolled
from builder.runtime.cells.step_loop import run_program

if TYPE_CHECKING:
    from tests.conftest import Yardstick


def chain(first: str, rule: str, last: str = "g{}") -> Callable[[int], Mapping[str, str]]:
    """``n`` gates, each made of the one before by ``rule``, and the state."""

    def gates(n: int) -> Mapping[str, str]:
        found = {"g0": first} | {f"g{k}": rule.format(k - 1) for k in range(1, n)}
        return found | {"h": last.format(n - 1)}

    return gates


def summed(rule: Callable[[int, int], str]) -> Callable[[int], Mapping[str, str]]:
    """``n`` gates, each by its number, and the state as their mean."""

    def gates(n: int) -> Mapping[str, str]:
        found = {f"g{k}": rule(k, n) for k in range(n)}
        return found | {"h": f"({' + '.join(found)}) / {n}"}

    return gates


ADDED = "W @ x + 0.5 * h_prev"
SQUASHED = "tanh(W @ x + U @ h_prev)"
FAMILIES = {
    "gated": chain(ADDED, "g{0} * sigmoid(x + g{0})"),
    "squared": chain(ADDED, "0.1 * g{0} * g{0} + 0.1 * x"),
    "doubled": chain(ADDED, "0.5 * g{0} + 0.5 * g{0}"),
    "mixed lines": chain(ADDED, "sigmoid(W @ x) * g{0} - (1 - sigmoid(W @ x)) * g{0}"),
    "smallest": chain(ADDED, "minimum(g{0}, g{0} * x)"),
    "powers": chain("sigmoid(W @ x + h_prev)", "g{0} ** g{0}"),
    "matrices in a row": chain("W @ x", "sigmoid(U @ g{0})", "tanh(g{} + U @ h_prev)"),
    "matrices in the loop": chain(SQUASHED, "tanh(g{0} + V @ g{0}) * g{0}"),
    "normed": chain(SQUASHED, "layer_norm(g{0} + W @ x) + g{0}"),
    "all carried": summed(lambda k, n: f"tanh(W @ x + U @ g{(k + 1) % n}_prev)"),
    "carried lines": summed(lambda k, n: f"sigmoid(x) * g{k}_prev + x"),
    "all read": summed(lambda k, n: f"tanh({' + '.join(['W @ h_prev', *(f'g{j}' for j in range(k))])})"),
    "many matrices": summed(lambda k, n: f"tanh({' + '.join(f'W{j} @ h_prev' for j in range(min(n, 60)))})"),
    "concatenated": summed(lambda k, n: f"tanh(W @ [{', '.join(['h_prev', 'x'] * min(n, 60))}])"),
    "long sums": summed(lambda k, n: f"tanh({' + '.join(['h_prev', 'x'] * n)})" if k < 2 else "x"),
    "long differences": summed(lambda k, n: f"tanh({' - '.join(['h_prev', 'x'] * n)})" if k < 2 else "x"),
    "long products": summed(lambda k, n: f"tanh({' * '.join(['h_prev', 'x'] * n)})" if k < 2 else "x"),
    "long quotients": summed(lambda k, n: f"tanh(x{' / (1 + h_prev * h_prev)' * min(n, 60)})" if k < 2 else "x"),
    "nested": summed(lambda k, n: f"{'tanh(U @ (' * min(n, 20)}h_prev{'))' * min(n, 20)}"),
}  # fmt: skip
all_families = pytest.mark.parametrize("name", FAMILIES)


def cell(equations: Mapping[str, str]) -> Cell:
    lines = [
        "states: [h]",
        "gates:",
        *(f"  {name}: '{text}'" for name, text in equations.items() if name != "h"),
    ]
    lines += ["update:", f"  h: '{equations['h']}'"]
    report = Report()
    found = read_cell("Own", Place("<text>", 1, 1), read_text("\n".join(lines)).root, report)
    report.raise_errors()
    assert found is not None
    return found


@all_families
def test_a_hundred_gates_are_built_and_explained(name: str, yardstick: Yardstick) -> None:
    made = cell(FAMILIES[name](100))

    def use() -> None:
        module = CellModule(made, 4, 4)
        assert module.way in ("loop", "scan", "whole", "plain") and module.reason
        assert data_flow(made)
        assert explain_cell(made, 4, 4).equations

    yardstick.holds(use, most=10_000)


@all_families
def test_a_few_gates_are_what_they_say(name: str) -> None:
    """Outputs, final states and gradients in double precision."""
    made = cell(FAMILIES[name](6))
    torch.manual_seed(0)
    weights = {
        key: (0.5 * torch.randn(shape, dtype=torch.float64)).requires_grad_()
        for key, shape in made.parameter_shapes(3, 3).items()
    }
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    states = [torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in made.state_names]
    asked = [*weights.values(), x, *states]

    def outcome(found: tuple[Tensor, tuple[Tensor, ...]]) -> list[Tensor]:
        loss = found[0].square().sum() + sum(one.sum() for one in found[1])
        return [
            found[0],
            *found[1],
            *torch.autograd.grad(loss, asked, materialize_grads=True, allow_unused=True),
        ]

    ours = outcome(run_program(compile_cell(made), weights, x, states))
    for one, other in zip(ours, outcome(unrolled(made, weights, x, states)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_too_many_operations_run_step_by_step() -> None:
    """No plan, no error: the plain way, which says why; the same values."""
    made = cell(
        {f"g{k}": " + ".join(["h_prev", "x"] * 90) for k in range(99)}
        | {"h": f"tanh({' + '.join(f'g{k}' for k in range(99))})"}
    )
    with pytest.raises(TooLarge):
        compile_cell(made)
    module = CellModule(made, 3, 3)
    assert module.way == "plain"
    assert "too many operations" in module.reason
    x = torch.randn(2, 2, 3)
    assert module(x).shape == (2, 2, 3)

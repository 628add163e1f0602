"""The worked example of the loop, held against torch's autograd through the cell's equations as they are written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builder.cells.plan.example import example_cell
from builder.cells.plan.loop import Loop
from builder.cells.plan.program import compile_cell
from builder.cells.term import Read, Term, Weight
from builder.runtime.cells.loop_function import run_loop

GATES = "ifog"


def leaf(*rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def leaves() -> dict[str, Tensor]:
    """The numbers of the docstring, as leaves."""
    inward = {"i": ([1], [0]), "f": ([0], [1]), "o": ([1], [1]), "g": ([1], [-1])}
    found = {f"{gate}.W": leaf(*rows) for gate, rows in inward.items()}
    found |= {f"{gate}.U": leaf([0, 1], [1, 0]) for gate in GATES}
    found |= {f"{gate}.b": leaf(0, 0) for gate in GATES}
    return found | {"i.p": leaf(1, 0), "f.p": leaf(0, 1), "o.p": leaf(1, 1), "x": leaf([[1]], [[0]])}


def as_written(leaves: dict[str, Tensor]) -> Tensor:
    """The last h, by the equations."""
    h = c = torch.zeros(1, 2, dtype=torch.float64)
    for x in leaves["x"]:

        def gate(name: str, x: Tensor = x, h: Tensor = h) -> Tensor:
            return x @ leaves[f"{name}.W"].T + h @ leaves[f"{name}.U"].T + leaves[f"{name}.b"]

        i, f = (torch.sigmoid(gate(name) + leaves[f"{name}.p"] * c) for name in "if")
        c = f * c + i * torch.tanh(gate("g"))
        h = torch.sigmoid(gate("o") + leaves["o.p"] * c) * torch.tanh(c)
    return h


def test_the_worked_example(leaves: dict[str, Tensor]) -> None:
    (loop,) = compile_cell(example_cell()).regions
    assert isinstance(loop, Loop)
    values: dict[Term, Tensor] = {Weight(name): leaves[name] for name in ("i.p", "f.p", "o.p")}
    zero = torch.zeros(1, 2, dtype=torch.float64)
    found = run_loop(loop, values | {Read("x"): leaves["x"]}, leaves, {"c": zero, "h": zero}, 2, None)
    ours, theirs = found["h"][-1], as_written(leaves)
    torch.testing.assert_close(ours, theirs)
    assert ours[0].tolist() == pytest.approx([0.0519, 0.0271], abs=5e-5)
    for mine, autograd in zip(
        torch.autograd.grad(ours.sum(), list(leaves.values())),
        torch.autograd.grad(theirs.sum(), list(leaves.values())),
        strict=True,
    ):
        torch.testing.assert_close(mine, autograd)

"""Compiled cells held against the plain loop: outputs, gradients, gradients of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import Tensor

from builder.cells.cell import Cell
from builder.cells.plan.program import compile_cell
from builder.cells.reader import read_cell, read_cells
from builder.errors import Place, Report, SpecErrors
from builder.language.nodes import Mapping
from builder.language.source import read_file, read_text
from builder.runtime.cells.plain import unrolled
from builder.runtime.cells.step_loop import run_program


def own(text: str) -> Cell:
    """A cell from YAML."""
    report = Report()
    found = read_cell("Own", Place("<text>", 1, 1), read_text(text).root, report)
    report.raise_errors()
    assert found is not None
    return found


def read(file: Path) -> dict[str, Cell]:
    """The cells of a file."""
    report, root = Report(), read_file(file).root
    assert isinstance(root, Mapping)
    found = read_cells(root.get("cells"), report)
    report.raise_errors()
    return {name: one for name, one in found.items() if one is not None}


pytestmark = pytest.mark.usefixtures("one_thread")

CELLS = {
    **read(Path(str(files("specs") / "library" / "cells.yaml"))),
    **read(Path(__file__).with_name("cells.yaml")),
}
FAST = {name: compile_cell(one) for name, one in CELLS.items()}
all_cells = pytest.mark.parametrize("name", sorted(CELLS))

Leaves = tuple[dict[str, Tensor], Tensor, list[Tensor]]


def leaves(
    cell: Cell, batch: int = 3, steps: int = 5, size: int = 4, dtype: torch.dtype = torch.float64
) -> Leaves:
    """Weights, x and first states at random."""
    torch.manual_seed(0)
    weights = {
        name: (torch.randn(shape, dtype=dtype) * 0.5).requires_grad_()
        for name, shape in cell.parameter_shapes(size, size).items()
    }
    x = torch.randn(batch, steps, size, dtype=dtype, requires_grad=True)
    states = [torch.randn(batch, size, dtype=dtype, requires_grad=True) for _ in cell.state_names]
    return weights, x, states


def outcome(found: tuple[Tensor, tuple[Tensor, ...]], given: Leaves, *, twice: bool = False) -> list[Tensor]:
    """Outputs, final states, and the gradients of all that needs one."""
    torch.manual_seed(1)
    outputs = [found[0], *found[1]]
    loss = sum(((one * torch.randn(one.shape).to(one)).sum() for one in outputs), torch.zeros(()))
    asked = [one for one in (*given[0].values(), given[1], *given[2]) if one.requires_grad]
    gradients = torch.autograd.grad(loss, asked, allow_unused=True, create_graph=twice)
    result = [*outputs, *_whole(gradients)]
    if twice:
        again = sum((one.sin().sum() for one in gradients if one is not None), torch.zeros(()))
        result += _whole(torch.autograd.grad(again, asked, allow_unused=True))
    return result


def _whole(gradients: Sequence[Tensor | None]) -> list[Tensor]:
    return [torch.zeros((), dtype=torch.float64) if one is None else one for one in gradients]


def agree(ours: Sequence[Tensor], theirs: Sequence[Tensor], tolerance: float = 1e-10) -> None:
    """All are equal within a tolerance, absolute and relative; an absent gradient is zero."""
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(
            *torch.broadcast_tensors(one.double(), other.double()), rtol=tolerance, atol=tolerance
        )


def compared(
    cell: Cell, given: Leaves, lengths: Tensor | None = None, reverse: bool = False, *, twice: bool = False
) -> None:
    """Ours beside the plain loop."""
    ours = run_program(compile_cell(cell), *given, lengths, reverse)
    theirs = unrolled(cell, *given, lengths, reverse)
    agree(outcome(ours, given, twice=twice), outcome(theirs, given, twice=twice))


@all_cells
def test_as_the_plain_loop(name: str) -> None:
    compared(CELLS[name], leaves(CELLS[name]))


@all_cells
@pytest.mark.parametrize("reverse", [False, True])
def test_sequences_of_unequal_length(name: str, reverse: bool) -> None:
    compared(CELLS[name], leaves(CELLS[name]), torch.tensor([5, 1, 3]), reverse)


@all_cells
def test_reversed(name: str) -> None:
    compared(CELLS[name], leaves(CELLS[name]), reverse=True)


@all_cells
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (2, 1), (1, 4)])
def test_one_step_and_one_sequence(name: str, batch: int, steps: int) -> None:
    compared(CELLS[name], leaves(CELLS[name], batch, steps))


@all_cells
def test_gradients_of_gradients(name: str) -> None:
    compared(CELLS[name], leaves(CELLS[name]), torch.tensor([5, 2, 4]), twice=True)


@all_cells
def test_gradcheck(name: str) -> None:
    weights, x, states = leaves(CELLS[name], batch=2, steps=3, size=2)
    names = list(weights)

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(names, tensors, strict=False))
        y, finals = run_program(FAST[name], given, tensors[len(names)], tensors[len(names) + 1 :])
        return (y, *finals)

    assert torch.autograd.gradcheck(run, (*weights.values(), x, *states))


@all_cells
def test_single_precision(name: str) -> None:
    double = leaves(CELLS[name], batch=4, steps=12, size=6)
    single: Leaves = (
        {key: one.detach().float().requires_grad_() for key, one in double[0].items()},
        double[1].detach().float().requires_grad_(),
        [one.detach().float().requires_grad_() for one in double[2]],
    )
    theirs = outcome(unrolled(CELLS[name], *double), double)
    torch.manual_seed(1)
    ours = run_program(FAST[name], *single)
    for one, other in zip((ours[0], *ours[1]), theirs, strict=False):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["PeepholeLSTM", "ChoGRU", "QRNN", "Normed", "Chained"])
@pytest.mark.parametrize("steps", [70, 130])
def test_more_steps_than_one_stretch(name: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.runtime.cells.loop_forward._STRETCH", 3 * 4 * 32)
    monkeypatch.setattr("builder.runtime.cells.step_loop._STRETCH", 3 * 4 * 32)
    weights, x, states = leaves(CELLS[name], steps=steps)
    weights = {key: (one.detach() * 0.4).requires_grad_() for key, one in weights.items()}
    compared(CELLS[name], (weights, x, states))
    compared(CELLS[name], (weights, x, states), torch.tensor([steps, 33, 5]), reverse=True)
    given: Leaves = (
        {key: one.detach() for key, one in weights.items()},
        x.detach(),
        [one.detach() for one in states],
    )
    ours, theirs = run_program(FAST[name], *given), unrolled(CELLS[name], *given)
    agree([ours[0], *ours[1]], [theirs[0], *theirs[1]])


@all_cells
def test_x_without_gradient_and_not_contiguous(name: str) -> None:
    weights, x, states = leaves(CELLS[name])
    x = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    states = [one.detach() for one in states]
    compared(CELLS[name], (weights, x, states))


@all_cells
def test_without_autograd(name: str) -> None:
    given = leaves(CELLS[name])
    with torch.no_grad():
        ours = run_program(FAST[name], *given)
    theirs = unrolled(CELLS[name], *given)
    agree([ours[0], *ours[1]], [theirs[0].detach(), *(one.detach() for one in theirs[1])])
    assert not ours[0].requires_grad


@all_cells
def test_no_sequences_at_all(name: str) -> None:
    y, finals = run_program(FAST[name], *leaves(CELLS[name], batch=0))
    assert y.shape == (0, 5, 4)
    assert all(one.shape == (0, 4) for one in finals)


@all_cells
def test_backward_twice_gives_the_same(name: str) -> None:
    given = leaves(CELLS[name])
    y, _ = run_program(FAST[name], *given)
    asked = [*given[0].values(), given[1]]
    first = torch.autograd.grad(y.sum(), asked, retain_graph=True, allow_unused=True)
    second = torch.autograd.grad(y.sum(), asked, allow_unused=True)
    for one, other in zip(first, second, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)  # type: ignore[arg-type]


def test_single_precision_keeps_small_values() -> None:
    cell = own("{states: [h], update: {h: tanh(x + 0.5 * h_prev)}}")
    x = torch.tensor([0.0, 1e-6, -1e-6, 0.3, -40.0, 1e30]).view(1, 1, 6)
    with torch.no_grad():
        y, _ = run_program(compile_cell(cell), {}, x, [torch.zeros(1, 6)])
    torch.testing.assert_close(y, x.tanh(), rtol=0, atol=3e-7)
    assert y[0, 0, 0] == 0


def test_what_stands_in_the_padding_does_not_matter() -> None:
    given = leaves(CELLS["ChoGRU"])
    lengths = torch.tensor([5, 1, 3])
    clean = run_program(FAST["ChoGRU"], *given, lengths)
    x = given[1].detach().clone()
    x[1, 1:] = torch.nan
    x[2, 3:] = torch.inf
    x.requires_grad_()
    dirty = run_program(FAST["ChoGRU"], given[0], x, given[2], lengths)
    agree(outcome(dirty, (given[0], x, given[2])), outcome(clean, given))


def test_a_state_that_would_explode_past_the_end() -> None:
    cell = own("{states: [h], parameters: {u: vector}, update: {h: relu(x + u * h_prev)}}")
    weights, x, states = leaves(cell, steps=400)
    weights = {"h.u": torch.full((4,), 50.0, dtype=torch.float64, requires_grad=True)}
    compared(cell, (weights, x, states), torch.tensor([2, 1, 3]))


@pytest.mark.parametrize("name", ["PeepholeLSTM", "MinGRU", "LayerNormLSTM"])
def test_autocast_works_in_its_type(name: str) -> None:
    weights, x, states = leaves(CELLS[name], dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = run_program(FAST[name], weights, x, states)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert all(one.grad is not None and one.grad.dtype == torch.float32 for one in weights.values())
    exact, _ = run_program(FAST[name], weights, x, states)
    torch.testing.assert_close(y.float(), exact, rtol=0.1, atol=0.1)


OPERANDS = ["x", "h_prev", "c_prev", "W @ x", "U @ h_prev", "V @ c_prev", "p * c_prev", "b", "p", "s", "0.5"]
terms = st.recursive(
    st.sampled_from(OPERANDS),
    lambda one: st.one_of(
        st.builds("{}({})".format, st.sampled_from(["tanh", "sigmoid", "softsign", "layer_norm"]), one),
        st.builds("({} {} {})".format, one, st.sampled_from(["+", "-", "*"]), one),
        st.builds("U_2 @ (h_prev * ({}))".format, one),
        st.builds("maximum({}, {})".format, one, one),
    ),
    max_leaves=6,
)


def random_cell(g: str, c: str, h: str) -> Cell:
    """A cell of three random terms."""
    try:
        return own(f"""
            states: [h, c]
            parameters: {{p: vector, s: scalar}}
            gates:
              g: "tanh({g})"
            update:
              c: "tanh({c}) + 0.5 * h_prev * s"
              h: "tanh({h}) + 0.1 * c * p + 0.1 * g"
        """)
    except SpecErrors:
        reject()  # one name for matrices of two widths, say


@settings(max_examples=60)
@given(terms, terms, terms)
def test_random_cells(g: str, c: str, h: str) -> None:
    cell = random_cell(g, c, h)
    compared(cell, leaves(cell), torch.tensor([5, 2, 4]), reverse=True)


@pytest.mark.usefixtures("c_compiler")
@settings(
    max_examples=12, derandomize=True
)  # each is compiled; some are so steep that single precision shows
@given(terms, terms, terms)
def test_random_cells_compiled(g: str, c: str, h: str) -> None:
    cell = random_cell(g, c, h)
    double = leaves(cell)
    weights, x, states = double
    single = (
        {key: one.detach().float().requires_grad_() for key, one in weights.items()},
        x.detach().float().requires_grad_(),
        [one.detach().float().requires_grad_() for one in states],
    )
    lengths = torch.tensor([5, 2, 4])
    ours = run_program(compile_cell(cell), *single, lengths, True, compiled=True)
    theirs = unrolled(cell, *double, lengths, True)
    agree(outcome(ours, single), outcome(theirs, double), 1e-3)

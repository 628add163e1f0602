"""A cell evaluated equation by equation, step by step: what the language means, with nothing clever in it.

Every fast way is held against this. It is plain autograd, in any precision, for one layer and one direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from builder.cells.cell import Cell
from builder.cells.term import Apply, Constant, Name, Project, Read, Term, Weight

# What the names of builder.cells.term.FUNCTIONS and OPERATORS do. Source: the functions of torch of those names.
MEANING: Final[dict[str, Callable[..., Tensor]]] = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "softplus": functional.softplus,
    "softsign": functional.softsign, "exp": torch.exp, "log": torch.log, "abs": torch.abs,
    "sqrt": torch.sqrt, "elu": functional.elu, "silu": functional.silu, "gelu": functional.gelu,
    "hardsigmoid": functional.hardsigmoid, "hardtanh": functional.hardtanh,
    "identity": lambda value: value, "minimum": torch.minimum, "maximum": torch.maximum,
    "layer_norm": lambda value: functional.layer_norm(value, value.shape[-1:]),
    "add": torch.add, "subtract": torch.subtract, "multiply": torch.multiply, "divide": torch.divide,
    "power": torch.pow, "negative": torch.neg,
}  # fmt: skip


def unrolled(
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor] = (),
    lengths: Tensor | None = None,
    reverse: bool = False,
    watch: Callable[[int, dict[str, Tensor]], None] | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The output at every step, N×T×H, and the final states, each N×H, in the order of ``state_names``.

    ``weights`` are keyed as ``cell.parameters``; ``x`` is N×T×I; ``states`` are the first states, each N×H,
    or None for zeros; ``lengths`` are N whole numbers of at most T. Past its end a sequence's states stay
    and its output is zero. With ``reverse`` each sequence is read from its own end to its start; an output
    stays at the step of what was read. ``watch`` is shown every step and what it made, the padding's too.
    """
    values = dict(zip(cell.state_names, states or _zeros(cell, weights, x), strict=True))
    outputs = [x.new_zeros(())] * x.shape[1]
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        made = step(cell, weights, x[:, t], values)
        if watch is not None:
            watch(t, made)
        if lengths is None:
            values = {name: made[name] for name in values}
            outputs[t] = made[cell.output]
        else:
            inside = (t < lengths)[:, None]
            values = {name: torch.where(inside, made[name], values[name]) for name in values}
            outputs[t] = torch.where(inside, made[cell.output], 0)
    return torch.stack(outputs, dim=1), tuple(values.values())


def step(
    cell: Cell, weights: Mapping[str, Tensor], x: Tensor, carried: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Every gate and state at one step, each N×H, from ``x``, N×I, and the values of the step before."""
    size = (x.shape[0], hidden_size(cell, weights, x))
    values = {"x": x}
    for equation in cell.equations:
        values[equation.name] = _evaluated(equation.term, weights, values, carried, size).expand(size)
    del values["x"]
    return values


def hidden_size(cell: Cell, weights: Mapping[str, Tensor], x: Tensor) -> int:
    """The width of the states. A cell of scalars alone works on ``x`` value by value, and is as wide."""
    sizes = (
        weights[name].shape[0] for name, parameter in cell.parameters.items() if parameter.kind != "scalar"
    )
    return next(sizes, x.shape[-1])


def _zeros(cell: Cell, weights: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, ...]:
    zero = x.new_zeros((x.shape[0], hidden_size(cell, weights, x)))
    return (zero,) * len(cell.state_names)


def _evaluated(
    term: Term,
    weights: Mapping[str, Tensor],
    values: Mapping[str, Tensor],
    before: Mapping[str, Tensor],
    size: tuple[int, int],
) -> Tensor:
    match term:
        case Constant(value):
            return values["x"].new_full((), value)
        case Read(name, previous):
            return before[name] if previous else values[name]
        case Weight(name):
            return weights[name]
        case Project(matrix, operands):
            parts = [_evaluated(operand, weights, values, before, size) for operand in operands]
            # A bare vector or number among them is as wide as a state; `x`, N×I, is as wide as it is.
            whole = [part if part.dim() == 2 else part.expand(size) for part in parts]
            return torch.cat(whole, dim=-1) @ weights[matrix].mT
        case Apply("layer_norm", (operand,)):
            return MEANING["layer_norm"](_evaluated(operand, weights, values, before, size).expand(size))
        case Apply(function, operands):
            return MEANING[function](
                *(_evaluated(operand, weights, values, before, size) for operand in operands)
            )
        case Name(text):
            raise ValueError(f"`{text}` was never resolved")

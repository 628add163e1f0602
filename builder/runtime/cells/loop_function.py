"""A planned loop (``builder.cells.plan.loop``) over time as one autograd function, its backward by hand.

Values stand time first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from builder.cells.plan.loop import Loop
from builder.cells.term import Constant, Read, Term
from builder.runtime.cells.compiled.compiled_loop import kernels_for
from builder.runtime.cells.loop_backward import Adjoint
from builder.runtime.cells.loop_forward import Forward, Inputs, biases, matrices
from builder.runtime.cells.plain import MEANING

_OWN: Final = 4  # of the function's arguments: those that are no tensors to derive by
_NONE: Final = (None,) * _OWN


def run_loop(
    loop: Loop,
    values: Mapping[Term, Tensor],
    weights: Mapping[str, Tensor],
    states: Mapping[str, Tensor],
    steps: int,
    inside: Tensor | None,
    *,
    compiled: bool = False,
) -> dict[str, Tensor]:
    """The loop's members at all steps, T×N×H each.

    ``values`` hold its sequences, T×N×·, and vectors; ``weights`` its matrices and biases; ``states`` what is
    carried into the first step, N×H. ``inside``, T×N×1, says which steps are within their
    sequence; past it states stay. ``compiled``: with kernels for the pointwise operations, where they suit and can
    be had.
    """
    inputs = (
        *(values[one] for one in loop.sequences),
        *(values[one] for one in loop.vectors),
        *(weights[one] for one in matrices(loop)),
        *(weights[one] for one in biases(loop)),
        *(states[one] for one in loop.carried),
    )
    found = _Loop.apply(loop, steps, inside, compiled, *inputs)
    return dict(zip(loop.members, found, strict=True))


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: Loop, steps: int, inside: Tensor | None, compiled: bool, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        inputs = Inputs(loop, tensors)
        ctx.compiled = kernels_for(loop, tensors) if compiled else None
        store = Forward(loop, inputs, steps, keep=any(ctx.needs_input_grad), compiled=ctx.compiled)
        store.run(inside)
        ctx.loop, ctx.steps, ctx.inside = loop, steps, inside
        ctx.save_for_backward(*tensors, *store.buffers())
        return tuple(store.members[name][1:] for name in loop.members)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: Loop = ctx.loop
        count = len(ctx.needs_input_grad) - _OWN
        saved = ctx.saved_tensors
        tensors = saved[:count]
        if torch.is_grad_enabled():
            return *_NONE, *_again(ctx, loop, tensors, gradients)
        store = Forward(loop, Inputs(loop, tensors), ctx.steps, held=saved[count:], compiled=ctx.compiled)
        return *_NONE, *Adjoint(store, gradients, ctx.needs_input_grad[_OWN:]).run()


def _again(
    ctx: Any, loop: Loop, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """The gradients through plain autograd, so that they can be derived once more."""
    # Through other names of the inputs: one may be made of another, and what reaches it that way is not ours.
    tensors = [one.view_as(one) for one in tensors]
    outputs = plain_loop(loop, Inputs(loop, tensors), ctx.steps, ctx.inside)
    pairs = [(one, g) for one, g in zip(outputs, gradients, strict=True) if g is not None]
    asked = [one for one, needed in zip(tensors, ctx.needs_input_grad[_OWN:], strict=True) if needed]
    found = iter(
        torch.autograd.grad(
            [one for one, _ in pairs], asked, [g for _, g in pairs], create_graph=True, allow_unused=True
        )
    )
    return tuple(next(found) if needed else None for needed in ctx.needs_input_grad[_OWN:])


def plain_loop(loop: Loop, inputs: Inputs, steps: int, inside: Tensor | None) -> tuple[Tensor, ...]:
    """The members at all steps, by plain autograd: the same plan, step by step."""
    before = dict(inputs.states)
    made: list[tuple[Tensor, ...]] = []
    for t in range(steps):
        now: dict[Term, Tensor] = {Read(name, previous=True): value for name, value in before.items()}
        for term, value in inputs.values.items():
            now[term] = value[t] if value.dim() == 3 else value
        _evaluate(loop, inputs, now)
        if inside is not None:
            for name in loop.carried:
                now[Read(name)] = torch.where(inside[t], now[Read(name)], before[name])
        before = {name: now[Read(name)] for name in loop.carried}
        made.append(tuple(now[Read(name)] for name in loop.members))
    return tuple(torch.stack(one) for one in zip(*made, strict=True))


def _evaluate(loop: Loop, inputs: Inputs, now: dict[Term, Tensor]) -> None:
    size = (inputs.batch, inputs.hidden)
    parts: dict[str, list[tuple[str, Read]]] = {name: [] for name in loop.slots}
    for product in (*loop.static, *loop.operands):
        for start, stop, names in product.runs:
            for index, matrix in zip(range(start, stop), names, strict=True):
                parts[loop.slots[index]].append((matrix, product.operand))

    def value(term: Term) -> Tensor:
        if term in now:
            return now[term]
        if isinstance(term, Constant):
            return inputs.constant(term.value)
        assert isinstance(term, Read)
        if term.name in parts:
            index = loop.slots.index(term.name)
            terms = [torch.nn.functional.linear(value(one), inputs.weights[m]) for m, one in parts[term.name]]
            found = sum(terms[1:], terms[0])
            for bias in loop.biases[index]:
                found = found + inputs.weights[bias]
        else:
            operation = loop.code[term.name]
            operands = [value(one) for one in operation.operands]
            if operation.function == "layer_norm":
                operands = [operands[0].expand(size)]
            found = MEANING[operation.function](*operands)
        now[term] = found.expand(size)
        return now[term]

    for name in loop.members:
        value(Read(name))

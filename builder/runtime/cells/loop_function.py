"""A planned loop (``builder.cells.plan.loop``) over time as one autograd function, its backward by hand.

Values stand time first.

The peephole LSTM of ``builder.cells.plan.example`` with two units, over two steps of one sequence, x = 1 and x = 0.
``W`` puts x into the gates with the factors 0, 1 and −1, ``U`` swaps the two units of ``h_prev``, all biases are 0:

    >>> from builder.cells.plan.example import example_cell
    >>> from builder.cells.plan.program import compile_cell
    >>> (loop,) = compile_cell(example_cell()).regions
    >>> def tensor(*rows):
    ...     return torch.tensor(rows, dtype=torch.float64)
    >>> x = tensor([[1]], [[0]])  # T×N×1
    >>> p_i, p_f, p_o = tensor(1, 0), tensor(0, 1), tensor(1, 1)
    >>> w_i, w_f, w_o, w_g = tensor([1], [0]), tensor([0], [1]), tensor([1], [1]), tensor([1], [-1])
    >>> swap, bias, zero = tensor([0, 1], [1, 0]), tensor(0, 0), tensor([0, 0])
    >>> inputs = Inputs(loop, [x, p_i, p_f, p_o, w_i, w_f, w_o, w_g, *[swap] * 4, *[bias] * 4, zero, zero])

Forwards. The first step begins at h = c = 0, so i = σ(1, 0), f = σ(0, 1), g = tanh(1, −1), c = i·g, and the gate
that sees the new c is o = σ((1, 1) + c). In the second x is 0, and the slots hold what ``U`` gives of h = (0.4176,
−0.2362): i = σ(−0.2362 + 0.5568, 0.4176):

    >>> store = Forward(loop, inputs, steps=2)
    >>> store.run(inside=None)
    >>> def show(values):  # name by name, the values at both steps
    ...     for name, value in values.items():
    ...         print(name, *value[:, 0].round(decimals=4).tolist())
    >>> gates = {name: store.whole(Read(name)) for name in "ifog"}
    >>> show(gates)
    i [0.7311, 0.5] [0.5795, 0.6029]
    f [0.5, 0.7311] [0.4412, 0.5092]
    o [0.8259, 0.65] [0.4688, 0.6134]
    g [0.7616, -0.7616] [-0.2319, 0.3949]
    >>> show({name: store.members[name][1:] for name in ("c", "h")})
    c [0.5568, -0.3808] [0.1113, 0.0442]
    h [0.4176, -0.2362] [0.0519, 0.0271]

Backwards, where the loss is the sum of the last h. Its adjoint at the second step is 1, and ∂c there is ∂h/∂c =
o·(1 − tanh²c) + tanh(c)·o·(1 − o)·p_o, for the first unit 0.4630 + 0.0276. It goes to the slots of i, f and g by
their coefficients, from these through ``U`` to ∂h of the step before, and by ∂c/∂c_prev to its ∂c:

    >>> adjoint = Adjoint(store, [None, tensor([[0, 0]], [[1, 1]])], needed=[True] * 18)
    >>> gradients = adjoint.run()
    >>> show({f"∂{name}": adjoint.members[name][1:] for name in ("c", "h")})
    ∂c [0.4135, 0.4197] [0.4906, 0.6227]
    ∂h [0.327, 0.3362] [1.0, 1.0]
    >>> show({f"∂{name}": adjoint.slots[:, :, place] for place, name in enumerate(loop.slots)})
    ∂@0 [0.0619, -0.0799] [-0.0277, 0.0589]
    ∂@1 [0.0, 0.0] [0.0673, -0.0593]
    ∂@3 [0.0238, -0.0278] [0.0276, 0.0105]
    ∂@2 [0.127, 0.0881] [0.269, 0.3169]

The gradient of a peephole sums ∂slot·c over the steps (of the second alone for i and f, since c begins at 0), that of
a bias ∂slot, that of ``W`` ∂slot·x, which is the first step's:

    >>> for name, place in {"i.p": 1, "o.p": 3, "i.W": 4, "i.b": 12}.items():
    ...     print(name, gradients[place].flatten().round(decimals=4).tolist())
    i.p [-0.0154, -0.0224]
    o.p [0.0163, 0.011]
    i.W [0.0619, -0.0799]
    i.b [0.0342, -0.021]
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
        *(values[term] for term in loop.sequences),
        *(values[term] for term in loop.vectors),
        *(weights[name] for name in matrices(loop)),
        *(weights[name] for name in biases(loop)),
        *(states[name] for name in loop.carried),
    )
    members = _Loop.apply(loop, steps, inside, compiled, *inputs)
    return dict(zip(loop.members, members, strict=True))


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
    tensors = [tensor.view_as(tensor) for tensor in tensors]
    outputs = plain_loop(loop, Inputs(loop, tensors), ctx.steps, ctx.inside)
    pairs = [(output, g) for output, g in zip(outputs, gradients, strict=True) if g is not None]
    asked = [tensor for tensor, needed in zip(tensors, ctx.needs_input_grad[_OWN:], strict=True) if needed]
    derived = iter(
        torch.autograd.grad(
            [output for output, _ in pairs],
            asked,
            [g for _, g in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return tuple(next(derived) if needed else None for needed in ctx.needs_input_grad[_OWN:])


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
    return tuple(torch.stack(values_over_time) for values_over_time in zip(*made, strict=True))


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
            terms = [
                torch.nn.functional.linear(value(operand), inputs.weights[m])
                for m, operand in parts[term.name]
            ]
            found = sum(terms[1:], terms[0])
            for bias in loop.biases[index]:
                found = found + inputs.weights[bias]
        else:
            operation = loop.code[term.name]
            operands = [value(operand) for operand in operation.operands]
            if operation.function == "layer_norm":
                operands = [operands[0].expand(size)]
            found = MEANING[operation.function](*operands)
        now[term] = found.expand(size)
        return now[term]

    for name in loop.members:
        value(Read(name))

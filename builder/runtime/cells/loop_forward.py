"""A planned loop's buffers, and its forward pass.

Values stand time first. Every buffer is cut into its steps once, and a step is a row of calls on the cuts.
``builder.runtime.cells.loop_function`` follows an example with its numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

import torch
from torch import Tensor

from builder.cells.plan.kernels import Kernel
from builder.cells.plan.loop import Instruction, Loop, Product
from builder.cells.term import Constant, Read, Term
from builder.runtime.cells.compiled.compiled_loop import CompiledLoop, bound
from builder.runtime.cells.pointwise import INTO

EPS: Final = 1e-5  # of layer_norm

# Numbers in one value of so many steps: few enough to stay in the cache, enough for several threads.
_STRETCH: Final = 1 << 16

# The calls from one step to another, which work as they are pulled.
Calls = Callable[[int, int], Iterable[object]]


def stretch(steps: int, size: int) -> int:
    """How many steps are worked out together, of a value of so many numbers a step."""
    return max(1, min(steps, _STRETCH // max(1, size)))


def matrices(loop: Loop) -> tuple[str, ...]:
    """The names of the loop's matrices, each once."""
    products = (*loop.static, *loop.operands)
    return tuple({name: None for product in products for _, _, names in product.runs for name in names})


def biases(loop: Loop) -> tuple[str, ...]:
    """The names of the slots' biases, each once."""
    return tuple({name: None for names in loop.biases for name in names})


class Inputs:
    """The tensors that a loop reads, by what they are: ``values``, ``weights``, first ``states``, in this order."""

    def __init__(self, loop: Loop, tensors: Sequence[Tensor]) -> None:
        left = iter(tensors)
        self.values: dict[Term, Tensor] = {term: next(left) for term in (*loop.sequences, *loop.vectors)}
        self.weights: dict[str, Tensor] = {name: next(left) for name in (*matrices(loop), *biases(loop))}
        self.states: dict[str, Tensor] = {name: next(left) for name in loop.carried}
        self.like = next(iter(self.states.values()))
        self.batch, self.hidden = self.like.shape

    def constant(self, value: float) -> Tensor:
        """A number as a tensor without axes."""
        return torch.full((), value, dtype=self.like.dtype, device=self.like.device)

    def packed(self, names: Sequence[str]) -> Tensor:
        """Matrices below each other."""
        weights = [self.weights[name] for name in names]
        return weights[0] if len(weights) == 1 else torch.cat(weights)


class Forward:
    """Buffers over all steps: ``slots`` T×N×K×H, ``members`` (T+1)×N×H with the first state, ``kept`` T×N×H each.

    Without ``keep`` what only a backward pass would read has room for one stretch of steps, or for one. ``held``
    are the buffers of a forward pass that has been. ``compiled`` has kernels for the pointwise operations.
    """

    def __init__(
        self,
        loop: Loop,
        inputs: Inputs,
        steps: int,
        *,
        keep: bool = True,
        held: Sequence[Tensor] | None = None,
        compiled: CompiledLoop | None = None,
    ) -> None:
        self.loop, self.inputs, self.steps, self.compiled = loop, inputs, steps, compiled
        n, h = inputs.batch, inputs.hidden
        self.stretch = stretch(steps, n * h)
        norms = [name for name, operation in loop.code.items() if operation.function == "layer_norm"]
        if held is None:
            empty = inputs.like.new_empty
            self.slots = empty((steps if keep else self.stretch, n, len(loop.slots), h))
            self.members = {name: empty((steps + 1, n, h)) for name in loop.members}

            def over_time(*size: int) -> Tensor:
                return empty((steps, *size)) if keep else empty(size).expand(self.stretch, *size)

            self.kept = {name: over_time(n, h) for name in loop.kept}
            self.scales = {name: over_time(n, 1) for name in norms}
        else:
            left = iter(held)
            self.slots = next(left)
            self.members = {name: next(left) for name in loop.members}
            self.kept = {name: next(left) for name in loop.kept}
            self.scales = {name: next(left) for name in norms}
        places = (*((name, index) for index, name in enumerate(loop.slots)), *loop.place.items())
        self._place: dict[str, int] = dict(places)
        self._states: dict[str, Sequence[Tensor]] = {}
        self._cut: dict[tuple[tuple[Term, ...], int], Sequence[Tensor]] = {}

    def buffers(self) -> tuple[Tensor, ...]:
        """What the backward pass reads."""
        return (self.slots, *self.members.values(), *self.kept.values(), *self.scales.values())

    def whole(self, term: Term) -> Tensor | None:
        """The buffer over all steps of a value, T×N×H; of a value without steps its tensor; else nothing."""
        if isinstance(term, Constant):
            return self.inputs.constant(term.value)
        if term in self.inputs.values:
            return self.inputs.values[term]
        assert isinstance(term, Read)
        if term.name in self.members:
            return self.members[term.name][:-1] if term.previous else self.members[term.name][1:]
        if term.name in self.kept:
            return self.kept[term.name]
        if term.name in self._place:
            return self.slots[:, :, self._place[term.name]]
        return None

    def run(self, inside: Tensor | None) -> None:
        """All steps in order. ``inside``, T×N×1: where it is false, what is carried stays."""
        for name, state in self.inputs.states.items():
            self.members[name][0] = state
        fills = list(self._fills())
        forward = self.loop.forward if self.compiled is None else self.compiled.forward
        calls = [call for step in forward for call in self._calls(step)]
        if inside is not None:
            for name in self.loop.carried:
                cuts = self._member(name)
                calls.append(self._each(_stay, cuts[1:], inside.unbind(), cuts[:-1]))
        # What is known before the loop is worked out stretch by stretch: it is read while it is in the cache.
        for start in range(0, self.steps, self.stretch):
            stop = min(start + self.stretch, self.steps)
            first = start if len(self.slots) == self.steps else 0
            for fill in fills:
                fill(slice(start, stop), slice(first, first + stop - start))
            run(call(start, stop) for call in calls)

    def _each(self, rule: Callable[..., object], *arguments: Sequence[Tensor]) -> Calls:
        """A rule with one tensor per step for each argument; room for one stretch alone serves each anew."""

        def calls(start: int, stop: int) -> Iterable[object]:
            parts = (
                tensors[start:stop] if len(tensors) == self.steps else tensors[: stop - start]
                for tensors in arguments
            )
            return map(rule, *parts)

        return calls

    def _fills(self) -> Iterator[Callable[[slice, slice], object]]:
        """What is known before the loop, into the slots: one product per operand over many steps."""
        h, k = self.inputs.hidden, len(self.loop.slots)
        flat = self.slots.flatten(2)
        filled: set[int] = set()
        for product in self.loop.static:
            operand = self.inputs.values[product.operand]
            for start, stop, names in product.runs:
                for a, b in _runs(range(start, stop), lambda index: index in filled):
                    matrix = self.inputs.packed(names[a - start : b - start]).t()
                    bias = self._bias(a, b) if a not in filled and any(self.loop.biases[a:b]) else None
                    into = flat[:, :, a * h : b * h]
                    yield partial(_fill, into, operand, matrix, bias, a in filled)
                filled.update(range(start, stop))
        for index in range(k):
            if index not in filled:
                bias = self._bias(index, index + 1)
                yield partial(_fill_bias, flat[:, :, index * h : (index + 1) * h], bias)

    def _bias(self, start: int, stop: int) -> Tensor:
        zero = self.inputs.like.new_zeros(self.inputs.hidden)
        sums = [
            sum((self.inputs.weights[name] for name in names), zero) for names in self.loop.biases[start:stop]
        ]
        return torch.cat(sums)

    def _calls(self, instruction: Instruction | Kernel) -> Iterator[Calls]:
        if isinstance(instruction, Kernel):
            assert self.compiled is not None
            arrays = [self._array(array.term) for array in instruction.arrays]
            yield bound(self.compiled.function(instruction), arrays, self.steps, self.inputs.like)
            return
        if instruction.function == "product":
            ((operand,),) = instruction.operands
            yield from self._product(
                next(product for product in self.loop.operands if product.operand == operand)
            )
            return
        name, *_ = instruction.outs
        lanes = len(instruction.outs)
        if instruction.function == "layer_norm":
            before = self.cuts(instruction.operands[0])
            yield self._each(_normalise, self.cuts((Read(name),)), before, self.scales[name].unbind())
            return
        out = self.cuts(tuple(Read(name) for name in instruction.outs))
        operands = (self.cuts(terms, lanes) for terms in instruction.operands)
        yield self._each(INTO[instruction.function], out, *operands)

    def _array(self, term: Term) -> Tensor:
        """The buffer of a value, or the room of one that is worked out and read within a step."""
        whole = self.whole(term)
        return self.cuts((term,))[0].expand(self.stretch, -1, -1) if whole is None else whole

    def _product(self, product: Product) -> Iterator[Calls]:
        h = self.inputs.hidden
        flat = self.slots.flatten(2)
        operand = self.cuts((product.operand,))
        for start, stop, names in product.runs:
            matrix = self.inputs.packed(names).t()
            into = flat[:, :, start * h : stop * h].unbind()
            yield self._each(Tensor.addmm_, into, operand, [matrix] * self.stretch)

    def cuts(self, terms: tuple[Term, ...], lanes: int = 1) -> Sequence[Tensor]:
        """The steps of one value, N×H, or of several lanes, N×L×H; a value without steps each time anew."""
        if (terms, lanes) not in self._cut:
            self._cut[terms, lanes] = (
                self._side_by_side(terms) if len(terms) > 1 else self._one(terms[0], lanes)
            )
        return self._cut[terms, lanes]

    def _side_by_side(self, terms: tuple[Term, ...]) -> Sequence[Tensor]:
        if all(isinstance(term, Read) and term.name in self._place for term in terms):
            first, last = (self._place[term.name] for term in (terms[0], terms[-1]))  # type: ignore[union-attr]
            return self.slots[:, :, first : last + 1].unbind()
        return [torch.stack([self.inputs.values[term] for term in terms])] * self.stretch

    def _one(self, term: Term, lanes: int) -> Sequence[Tensor]:
        if lanes > 1 and not isinstance(term, Constant):
            return [value.unsqueeze(1) if value.dim() == 2 else value for value in self.cuts((term,))]
        if isinstance(term, Read) and term.name in self.members:
            cuts = self._member(term.name)
            return cuts[:-1] if term.previous else cuts[1:]
        whole = self.whole(term)
        if whole is None:
            whole = self.inputs.like.new_empty(self.inputs.like.shape)  # worked out and read within a step
        return whole.unbind() if whole.dim() == 3 else [whole] * self.stretch

    def _member(self, name: str) -> Sequence[Tensor]:
        """The first state, then each step's."""
        if name not in self._states:
            self._states[name] = self.members[name].unbind()
        return self._states[name]


def run(calls: Iterable[Iterable[object]]) -> None:
    """Pulls one call out of each, in order, until they end: the loop itself."""
    deque(zip(*calls, strict=False), maxlen=0)


def _fill(
    into: Tensor, operand: Tensor, matrix: Tensor, bias: Tensor | None, more: bool, steps: slice, where: slice
) -> None:
    rows, given = into[where].flatten(0, 1), operand[steps].flatten(0, 1)
    if more:
        rows.addmm_(given, matrix)
    elif bias is not None:
        torch.addmm(bias, given, matrix, out=rows)
    else:
        torch.mm(given, matrix, out=rows)


def _fill_bias(into: Tensor, bias: Tensor, steps: slice, where: slice) -> None:
    into[where] = bias


def _stay(now: Tensor, inside: Tensor, before: Tensor) -> None:
    torch.where(inside, now, before, out=now)


def _normalise(out: Tensor, operand: Tensor, scale: Tensor) -> None:
    value, _, inverse = torch.native_layer_norm(operand.contiguous(), operand.shape[-1:], None, None, EPS)
    out.copy_(value)
    scale.copy_(inverse)


def _runs(indices: Iterable[int], same: Callable[[int], object]) -> list[tuple[int, int]]:
    """Neighbours that are alike, as (start, stop)."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and same(runs[-1][0]) == same(index):
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs

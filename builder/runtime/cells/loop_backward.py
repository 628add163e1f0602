"""A planned loop's backward pass, by hand: coefficients for many steps at once, then few multiply-adds a step.

``builder.runtime.cells.loop_function`` follows an example with its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from builder.cells.plan.kernels import Array, Kernel
from builder.cells.plan.loop import Backward, Carry, Late, Product, PullNorm, PullProduct, Scale
from builder.cells.term import Constant, Read, Term
from builder.runtime.cells.compiled.compiled_loop import bound
from builder.runtime.cells.loop_forward import Forward, biases, matrices, run
from builder.runtime.cells.pointwise import INTO

Key = TypeVar("Key")


class Adjoint:
    """The gradients of a loop's inputs from those of its members; ``needed`` says of which inputs."""

    def __init__(self, store: Forward, gradients: Sequence[Tensor | None], needed: Sequence[bool]) -> None:
        self.store, self.loop, self.inputs, self.steps = store, store.loop, store.inputs, store.steps
        self.needed = needed
        like, loop = self.inputs.like, self.loop
        self.hidden = self.inputs.hidden
        n, h, steps = self.inputs.batch, self.hidden, self.steps
        self.members: dict[str, Tensor] = {}
        for name, gradient in zip(loop.members, gradients, strict=True):
            self.members[name] = like.new_empty((steps + 1, n, h))
            self.members[name][0].zero_()
            if gradient is None:
                self.members[name][1:].zero_()
            else:
                self.members[name][1:].copy_(gradient)
        self.others = {
            name: like.new_empty((steps, n, h)) for name in loop.adjoints if name not in loop.members
        }
        self.slots = like.new_empty((steps, n, len(loop.slots), h))
        touched = {step.target for step in loop.backward if isinstance(step, Carry | PullNorm)}
        for index, name in enumerate(loop.slots):
            if Read(name) not in touched and index not in loop.landing.values():
                self.slots[:, :, index].zero_()
        self.chunk = store.stretch
        # Kernels work out coefficients on the way; what is for many steps at once is left.
        self.coefficients = loop.coefficients
        if store.compiled is not None:
            self.coefficients = loop.worked_out(late.coefficient for late in loop.late)
        self.scratch = {
            name: like.new_empty((self.chunk, n, h))
            for name, _ in self.coefficients
            if name not in loop.landing
        }
        self.late: dict[Term, Tensor] = {}
        self._bound: dict[Kernel, Callable[..., Iterable[object]]] = {}

    def run(self) -> tuple[Tensor | None, ...]:
        """All steps in reverse, then the gradients of what was read at all of them."""
        matrix = {
            names: self.inputs.packed(names) for product in self.loop.operands for _, _, names in product.runs
        }
        compiled = self.store.compiled
        backward = self.loop.backward if compiled is None else compiled.backward
        stop = self.steps
        while stop > 0:
            start = max(0, stop - self.chunk)
            self._work_out(start, stop)
            run([call for step in backward for call in self._calls(step, start, stop, matrix)])
            for late in self.loop.late:
                self._late(late, start, stop)
            stop = start
        return self._gradients()

    def _work_out(self, start: int, stop: int) -> None:
        """The coefficients of these steps."""
        for name, operation in self.coefficients:
            out = self._span(Read(name), start, stop)
            first, *rest = (self._span(operand, start, stop) for operand in operation.operands)
            # Of weights alone it has no steps of its own; ``out`` must have the shape of what is worked out.
            INTO[operation.function](out, first.expand_as(out), *rest)

    def _span(self, term: Term, start: int, stop: int) -> Tensor:
        """A value at these steps, or without steps."""
        if isinstance(term, Read) and not term.previous:
            if term.name in self.scratch:
                return self.scratch[term.name][: stop - start]
            if term.name in self.loop.landing:
                return self.slots[start:stop, :, self.loop.landing[term.name]]
        whole = self.store.whole(term)
        assert whole is not None
        return whole if whole.dim() < 3 else whole[start:stop]

    def _adjoint(self, target: Read) -> Tensor:
        """The adjoint of a root, a slot or what is carried, T×N×H."""
        if target.name in self.members:
            return self.members[target.name][:-1] if target.previous else self.members[target.name][1:]
        if target.name in self.others:
            return self.others[target.name]
        return self.slots[:, :, self.loop.slots.index(target.name)]

    def _calls(
        self, step: Backward | Kernel, start: int, stop: int, matrix: Mapping[tuple[str, ...], Tensor]
    ) -> Iterator[Iterable[object]]:
        def cuts(whole: Tensor) -> Sequence[Tensor]:
            return whole[start:stop].unbind()[::-1]

        match step:
            case Kernel():
                yield self._kernel(step)(start, stop, backwards=True)
            case Scale(source, first, last):
                adjoint = self._adjoint(Read(source))
                if last - first == 1:
                    yield map(Tensor.mul_, cuts(self.slots[:, :, first]), cuts(adjoint))
                else:
                    yield map(Tensor.mul_, cuts(self.slots[:, :, first:last]), cuts(adjoint.unsqueeze(2)))
            case Carry(source, target, coefficient, fresh):
                into, given = cuts(self._adjoint(target)), cuts(self._adjoint(Read(source)))
                if coefficient == Constant(1.0):
                    yield map(Tensor.copy_ if fresh else Tensor.add_, into, given)
                    return
                span = self._span(coefficient, start, stop)
                factors = span.unbind()[::-1] if span.dim() == 3 else [span] * (stop - start)
                yield map(INTO["multiply"] if fresh else Tensor.addcmul_, into, given, factors)
            case PullProduct(product, fresh):
                yield from self._pull(product, fresh, cuts, matrix)
            case PullNorm(source, target, fresh):
                value = self.store.whole(Read(source))
                assert value is not None
                scale = self.store.scales[source]
                rule = _norm_into if fresh else _norm_add
                into, given = cuts(self._adjoint(target)), cuts(self._adjoint(Read(source)))
                yield map(rule, into, given, cuts(value), cuts(scale))

    def _kernel(self, kernel: Kernel) -> Callable[..., Iterable[object]]:
        if kernel not in self._bound:
            assert self.store.compiled is not None
            arrays = [self._array(array) for array in kernel.arrays]
            function = self.store.compiled.function(kernel)
            self._bound[kernel] = bound(function, arrays, self.steps, self.inputs.like)
        return self._bound[kernel]

    def _array(self, array: Array) -> Tensor:
        whole = self.store.whole(array.term)
        if array.adjoint and isinstance(array.term, Read):
            whole = self._adjoint(array.term)
        assert whole is not None
        return whole

    def _pull(
        self,
        product: Product,
        fresh: bool,
        cuts: Callable[[Tensor], Sequence[Tensor]],
        matrix: Mapping[tuple[str, ...], Tensor],
    ) -> Iterator[Iterable[object]]:
        h = self.hidden
        flat = self.slots.flatten(2)
        into = cuts(self._adjoint(product.operand))
        for start, stop, names in product.runs:
            rule = _product_into if fresh else _product_add
            fresh = False
            yield map(rule, into, cuts(flat[:, :, start * h : stop * h]), [matrix[names]] * len(into))

    def _late(self, late: Late, start: int, stop: int) -> None:
        """What a vector or a hoisted value gets from these steps."""
        source = self._adjoint(Read(late.source))[start:stop]
        product = source * self._span(late.coefficient, start, stop)
        leaf = self.inputs.values[late.leaf]
        if leaf.dim() < 3:
            gradient = product.sum_to_size(leaf.shape) if leaf.dim() else product.sum()
            self.late[late.leaf] = self.late[late.leaf] + gradient if late.leaf in self.late else gradient
        else:
            if late.leaf not in self.late:
                self.late[late.leaf] = torch.zeros_like(leaf)
            self.late[late.leaf][start:stop] += product

    def _gradients(self) -> tuple[Tensor | None, ...]:
        loop, n, h = self.loop, self.inputs.batch, self.hidden
        flat = self.slots.view(self.steps * n, len(loop.slots) * h)
        sizes = [
            len(loop.sequences),
            len(loop.vectors),
            len(matrices(loop)),
            len(biases(loop)),
            len(loop.carried),
        ]
        needed = iter(self.needed)
        seq, _, mats, _, _ = ([next(needed) for _ in range(size)] for size in sizes)
        values: dict[Term, Tensor] = dict(self.late)
        weights: dict[str, Tensor] = {}
        wants_matrix = dict(zip(matrices(loop), mats, strict=True))
        wants_value = dict(zip(loop.sequences, seq, strict=True))

        for product in (*loop.static, *loop.operands):
            whole = self.store.whole(product.operand)
            assert whole is not None
            operand = whole.flatten(0, 1)
            for start, stop, names in product.runs:
                adjoint = flat[:, start * h : stop * h]
                if any(wants_matrix[name] for name in names):
                    for name, part in zip(names, (adjoint.t() @ operand).chunk(stop - start), strict=True):
                        _put(weights, name, part)
                if wants_value.get(product.operand):
                    _put(
                        values,
                        product.operand,
                        (adjoint @ self.inputs.packed(names)).view(*whole.shape),
                    )
        if biases(loop):
            sums = flat.sum(0).view(-1, h)
            for names, total in zip(loop.biases, sums, strict=True):
                for name in names:
                    _put(weights, name, total)
        everything = [
            *(values.get(term) for term in (*loop.sequences, *loop.vectors)),
            *(weights.get(name) for name in (*matrices(loop), *biases(loop))),
            *(self.members[name][0] for name in loop.carried),
        ]
        return tuple(
            gradient if needed else None for gradient, needed in zip(everything, self.needed, strict=True)
        )


def _put(gradients: dict[Key, Tensor], key: Key, gradient: Tensor) -> None:
    gradients[key] = gradients[key] + gradient if key in gradients else gradient


def _product_into(into: Tensor, adjoint: Tensor, matrix: Tensor) -> None:
    torch.mm(adjoint, matrix, out=into)


def _product_add(into: Tensor, adjoint: Tensor, matrix: Tensor) -> None:
    into.addmm_(adjoint, matrix)


def _norm(adjoint: Tensor, value: Tensor, scale: Tensor) -> Tensor:
    """The rule of layer_norm, by its value and 1/σ: (g − mean g − y·mean(g·y))/σ."""
    centred = adjoint - adjoint.mean(-1, keepdim=True)
    return centred.addcmul_(value, (adjoint * value).mean(-1, keepdim=True), value=-1).mul_(scale)


def _norm_into(into: Tensor, adjoint: Tensor, value: Tensor, scale: Tensor) -> None:
    into.copy_(_norm(adjoint, value, scale))


def _norm_add(into: Tensor, adjoint: Tensor, value: Tensor, scale: Tensor) -> None:
    into.add_(_norm(adjoint, value, scale))

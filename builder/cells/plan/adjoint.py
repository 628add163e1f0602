"""The backward half of a loop's plan: which adjoint goes where, times what.

The peephole LSTM of ``builder.cells.plan.schedule``, whose roots are ``c`` and ``h``. What depends on values alone is
worked out for many steps at once: ``%19`` is ∂h/∂c, through ``tanh(c)`` and through ``o``'s peephole, and ``%28`` is
∂c/∂c_prev, through ``f * c_prev`` and the peepholes of ``f`` and ``i``. ``sigmoid_backward(a, y)`` is a·y·(1 − y),
``tanh_backward(a, y)`` a·(1 − y²). One step backwards is then five calls on values and one product:

    >>> from builder.cells.plan.example import example_cell
    >>> from builder.cells.plan.notation import backward_lines
    >>> from builder.cells.plan.program import compile_cell
    >>> (loop,) = compile_cell(example_cell()).regions
    >>> for line in backward_lines(loop):
    ...     print(line)
    at once: %15 = tanh_backward(o, %13)
    at once: ∂@3 = %16 = sigmoid_backward(%13, o)
    at once: %19 = %15 + %16 * o.p
    at once: ∂@2 = %20 = tanh_backward(i, g)
    at once: ∂@1 = %21 = sigmoid_backward(c_prev, f)
    at once: %24 = f + %21 * f.p
    at once: ∂@0 = %25 = sigmoid_backward(g, i)
    at once: %28 = %24 + %25 * i.p
    ∂c += %19 * ∂h
    ∂@3 *= ∂h
    ∂c_prev += %28 * ∂c
    ∂@0, ∂@1 *= ∂c
    ∂@2 *= ∂c
    ∂h_prev += [i.U; f.U; o.U; g.U]ᵀ @ [∂@0; ∂@1; ∂@3; ∂@2]
    late: ∂i.p += c_prev * ∂@0
    late: ∂f.p += c_prev * ∂@1
    late: ∂o.p += c * ∂@3

The gradients of matrices and biases are products and sums of the slots' adjoints over all steps. The same plan on
numbers: ``builder.runtime.cells.loop_function``.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from builder.cells.plan.body import Body
from builder.cells.plan.derivative import ONE, ZERO, pulled_back
from builder.cells.plan.listing import TooLarge
from builder.cells.plan.loop import Backward, Carry, Late, PullNorm, PullProduct, Scale
from builder.cells.plan.schedule import Schedule
from builder.cells.term import Apply, Constant, Read, Term, Weight

_MOST: Final = 20_000  # derivatives of single operations


class Adjoints:
    """``roots`` are the names whose adjoint is a value of its own. Coefficients are listed in the body's listing."""

    def __init__(
        self, body: Body, code: Mapping[str, Apply], members: Collection[str], schedule: Schedule
    ) -> None:
        self._body = body
        self._code = code
        self._names = list(code)
        self._order = {name: at for at, name in enumerate(code)}
        self._pulls = 0
        self._members = members
        self._schedule = schedule
        norms = {
            name: operation.operands[0]
            for name, operation in code.items()
            if operation.function == "layer_norm"
        }
        ends = {*(product.operand for product in schedule.operands), *norms.values()}
        self.roots = tuple(name for name in code if name in members or name in norms or Read(name) in ends)

    def steps(self) -> Iterator[Backward]:
        """One step of the adjoint, the forward instructions in reverse."""
        written: set[Term] = {Read(name, previous=True) for name in self._body.carried}
        written |= {Read(name) for name in self._members}

        def first(target: Term) -> bool:
            fresh = target not in written
            written.add(target)
            return fresh

        products = {product.operand: product for product in self._schedule.operands}
        roots = set(self.roots)
        for instruction in reversed(self._schedule.instructions):
            if instruction.function == "product":
                product = products[instruction.operands[0][0]]  # type: ignore[index]
                yield PullProduct(product, first(product.operand))
            for name in instruction.outs:
                if name not in roots or Read(name) not in written:
                    continue
                if self._code[name].function == "layer_norm":
                    (operand,) = self._code[name].operands
                    assert isinstance(operand, Read)
                    yield PullNorm(name, operand, first(operand))
                    continue
                for leaf, coefficient in self._pulled(name, roots).items():
                    if isinstance(leaf, Read) and not self._is_late(leaf):
                        yield Carry(name, leaf, coefficient, first(leaf))

    def late(self) -> Iterator[Late]:
        """What vectors and values from before the loop get: from roots, and from sums whose adjoint is a slot's."""
        tops = dict(self._sums())
        stops = {*self.roots, *tops}
        for name in (*self.roots, *tops):
            for leaf, coefficient in self._pulled(name, stops).items():
                if self._is_late(leaf):
                    yield Late(tops.get(name, name), leaf, coefficient)

    def leaves(self) -> tuple[Read | Weight, ...]:
        """Vectors and values from before the loop that operations read."""
        leaves = {operand: None for operation in self._code.values() for operand in operation.operands}
        return tuple(leaf for leaf in leaves if isinstance(leaf, Read | Weight) and self._is_late(leaf))

    def _is_late(self, leaf: Term) -> bool:
        if isinstance(leaf, Read):
            return leaf.name not in self._body.slots and leaf.name not in self._code
        return isinstance(leaf, Weight)

    def _sums(self) -> Iterator[tuple[str, str]]:
        """The last of the sums that begin with a slot, and that slot: their adjoints are equal."""
        for slot in self._body.slots:
            here = Read(slot)
            while (name := self._schedule.only_reader(here)) and name not in self.roots:
                operation = self._code[name]
                if operation.function not in ("add", "subtract") or operation.operands[0] != here:
                    break
                here = Read(name)
            if here.name != slot:
                yield here.name, slot

    def _pulled(self, start: str, stops: Collection[str]) -> dict[Term, Term]:
        """The derivative of ``start`` with respect to each leaf; ``stops`` are leaves."""
        atom = self._body.listing.atom
        derivatives: dict[Term, Term] = {Read(start): ONE}
        waiting = [-self._order[start]]  # the last one first
        while waiting:
            name = self._names[-heapq.heappop(waiting)]
            operation = self._code[name]
            if (name != start and name in stops) or operation.function == "layer_norm":
                continue
            self._pulls += 1
            if self._pulls > _MOST:
                raise TooLarge
            gains = pulled_back(operation, Read(name), derivatives.pop(Read(name)))
            for operand, gain in zip(operation.operands, gains, strict=True):
                if gain == ZERO or isinstance(operand, Constant):
                    continue
                inner = isinstance(operand, Read) and not operand.previous and operand.name in self._order
                if inner and operand not in derivatives:
                    heapq.heappush(waiting, -self._order[operand.name])  # type: ignore[union-attr]
                derivatives[operand] = atom(Apply("add", (derivatives.get(operand, ZERO), atom(gain))))
        derivatives.pop(Read(start), None)
        return derivatives


def landed(
    coefficients: Mapping[str, Apply],
    slots: Sequence[str],
    backward: Sequence[Backward],
    read: Sequence[Term],
) -> tuple[dict[str, int], tuple[Backward, ...]]:
    """Which coefficients are worked out in the adjoint of their slot, and the steps that then scale them there."""
    landing: dict[str, int] = {}
    kept: list[Backward] = []
    places = {name: at for at, name in enumerate(slots)}
    uses = Counter(read)
    for step in backward:
        match step:
            case Carry(source, Read(target), Read(name) as coefficient, True) if (
                target in places and name in coefficients and uses[coefficient] == 1
            ):
                landing[name] = places[target]
                kept.append(Scale(source, landing[name], landing[name] + 1))
            case _:
                kept.append(step)
    return landing, tuple(_joined(kept))


def _joined(steps: Sequence[Backward]) -> Iterator[Backward]:
    """Scalings by one source that follow upon each other, neighbouring slots at once."""
    for source, group in itertools.groupby(
        steps, lambda step: step.source if isinstance(step, Scale) else None
    ):
        if source is None:
            yield from group
            continue
        starts = sorted(step.start for step in group if isinstance(step, Scale))
        for _, run in itertools.groupby(enumerate(starts), lambda pair: pair[1] - pair[0]):
            neighbours = [start for _, start in run]
            yield Scale(source, neighbours[0], neighbours[-1] + 1)

"""The forward half of a loop's plan: the order of slots, what is made in place, and the row of instructions.

A peephole LSTM. The products with ``x`` are added before the loop. In a step one product serves all four slots, whose
order puts ``i`` and ``f`` beside each other: both peepholes are one call, and both sigmoids. The gate ``o`` reads the
new ``c``, so it waits:

    >>> from builder.cells.plan.example import example_cell
    >>> from builder.cells.plan.notation import forward_lines
    >>> from builder.cells.plan.program import compile_cell
    >>> (loop,) = compile_cell(example_cell()).regions
    >>> for line in forward_lines(loop):
    ...     print(line)
    before: @0 = i.b
    before: @1 = f.b
    before: @3 = o.b
    before: @2 = g.b
    before: [@0; @1; @3; @2] += [i.W; f.W; o.W; g.W] @ x
    [@0; @1; @3; @2] += [i.U; f.U; o.U; g.U] @ h_prev
    %1 = @0 + i.p * c_prev; %4 = @1 + f.p * c_prev
    g = tanh(@2)
    i = sigmoid(%1); f = sigmoid(%4)
    %7 = f * c_prev
    c = %7 + i * g
    %11 = @3 + o.p * c
    %13 = tanh(c)
    o = sigmoid(%11)
    h = o * %13

The four gates and the sums with peepholes overwrite their slots; ``tanh(c)`` has a buffer of its own, for the backward
pass reads it; ``%7`` is worked out anew:

    >>> dict(loop.place)
    {'%1': 0, 'i': 0, '%4': 1, 'f': 1, '%11': 2, 'o': 2, 'g': 3}
    >>> loop.kept
    ('%13',)
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from builder.cells.plan.body import Body
from builder.cells.plan.derivative import BY_VALUE, ONE
from builder.cells.plan.listing import CHEAP
from builder.cells.plan.loop import Instruction, Product
from builder.cells.term import Apply, Read, Term, Weight

_MOST_PERMUTED: Final = 6


class Schedule:
    """``slots`` in buffer order, ``static`` and inner products (``operands``), the slot that is a value's ``place``."""

    def __init__(self, body: Body, code: Mapping[str, Apply], members: Collection[str]) -> None:
        self._body = body
        self._code = code
        self._members = members
        self.readers: dict[Term, list[str]] = {}
        for name, operation in code.items():
            for operand in operation.operands:
                self.readers.setdefault(operand, []).append(name)
        for slot in body.slots.values():
            for _, operand in slot.inner:
                self.readers.setdefault(operand, []).append("@")
        self.slots = self._order()
        self.static = _products(self.slots, {name: slot.static for name, slot in body.slots.items()})
        self.operands = _products(self.slots, {name: slot.inner for name, slot in body.slots.items()})
        self.place = self._places()
        self.instructions = tuple(self._instructions())

    def only_reader(self, term: Term) -> str | None:
        """The one operation that reads a value, if nothing else does."""
        readers = self.readers.get(term, [])
        return readers[0] if len(readers) == 1 and readers[0] in self._code else None

    def _order(self) -> tuple[str, ...]:
        """The slots in the order that takes the fewest products and calls."""
        traits = {name: self._traits(name) for name in self._body.slots}

        def cost(names: tuple[str, ...]) -> int:
            total = 0
            before: tuple[frozenset[Term], frozenset[Term], str] = (frozenset(), frozenset(), "")
            for inner, static, function in map(traits.__getitem__, names):
                total += 4 * len(inner - before[0]) + 2 * len(static - before[1]) + (function != before[2])
                before = (inner, static, function)
            return total

        if len(traits) <= _MOST_PERMUTED:
            return min(itertools.permutations(traits), key=cost)
        return tuple(sorted(traits, key=lambda name: (sorted(map(str, traits[name][0])), traits[name][2])))

    def _traits(self, slot: str) -> tuple[frozenset[Term], frozenset[Term], str]:
        """What is multiplied into a slot within and before the loop, and the function on it."""
        reader = self.only_reader(Read(slot))
        summed = ""
        while reader and self._code[reader].function == "add":
            summed = "+"
            reader = self.only_reader(Read(reader))
        inner, static = self._body.slots[slot].inner, self._body.slots[slot].static
        function = self._code[reader].function if reader else ""
        return (
            frozenset(operand for _, operand in inner),
            frozenset(operand for _, operand in static),
            function + summed,
        )

    def _places(self) -> dict[str, int]:
        """Values made in place of a slot: sums with it, and then a function known by its value."""
        place: dict[str, int] = {}
        for index, slot in enumerate(self.slots):
            here = Read(slot)
            while (name := self.only_reader(here)) and name not in self._members:
                function, operands = self._code[name].function, self._code[name].operands
                if operands[0] != here or function not in {*BY_VALUE, "add", "subtract"}:
                    break
                place[name] = index
                here = Read(name)
                if function in BY_VALUE:
                    break  # its derivative needs its value
        return place

    def _instructions(self) -> Iterator[Instruction]:
        """Products as soon as their operand is there; then all that is ready, neighbouring slots at once."""
        keep = [Read(name) for name in (*self._members, *self.place)]
        keep += [product.operand for product in self.operands]
        keep += [Read(name) for name, operation in self._code.items() if operation.function not in CHEAP]
        code = dict(fused(self._code, keep))
        order = {name: at for at, name in enumerate(code)}
        ours: set[Term] = {*map(Read, (*self.slots, *self._code))}
        lacking = {name: ours.intersection(operation.operands) for name, operation in code.items()}
        readers: dict[Term, list[str]] = {}
        for name, terms in lacking.items():
            for term in terms:
                readers.setdefault(term, []).append(name)
        open_ = [0] * len(self.slots)  # how many products each slot is still to get
        for product in self.operands:
            for start, stop, _ in product.runs:
                for index in range(start, stop):
                    open_[index] += 1
        products: dict[Term, Product] = {product.operand: product for product in self.operands}
        fresh: list[Term] = [Read(name, previous=True) for name in self._body.carried]
        fresh += [Read(name) for index, name in enumerate(self.slots) if not open_[index]]
        now = [name for name, terms in lacking.items() if not terms]
        done = 0
        while fresh or now:
            for term in fresh:  # which grows: a slot may itself be multiplied
                if term not in products:
                    continue
                product = products.pop(term)
                yield Instruction("product", (), ((product.operand,),))
                for start, stop, _ in product.runs:
                    for index in range(start, stop):
                        open_[index] -= 1
                        if not open_[index]:
                            fresh.append(Read(self.slots[index]))
            for term in fresh:
                for name in readers.get(term, ()):
                    lacking[name].discard(term)
                    if not lacking[name]:
                        now.append(name)
            now.sort(key=order.__getitem__)
            yield from _laned({name: code[name] for name in now}, self.place)
            done += len(now)
            fresh, now = [Read(name) for name in now], []
        assert done == len(code) and not products, "equations in a circle"


def fused(code: Mapping[str, Apply], keep: Collection[Term]) -> Iterator[tuple[str, Apply]]:
    """The operations with a sum and the product that only it reads as one, save products in ``keep``.

    What nothing reads, and is not in ``keep``, is left out. ``a + b·c`` and ``a − b·c`` become one operation each, and
    ``(1 − z)·a + z·b`` becomes ``lerp``. Here four operations become one:

    >>> a, b, z = Read("a"), Read("b"), Read("z")
    >>> code = {
    ...     "%0": Apply("subtract", (ONE, z)),
    ...     "%1": Apply("multiply", (Read("%0"), a)),
    ...     "%2": Apply("multiply", (z, b)),
    ...     "h": Apply("add", (Read("%1"), Read("%2"))),
    ... }
    >>> from builder.cells.plan.notation import formula
    >>> [(name, formula(operation)) for name, operation in fused(code, keep=[Read("h")])]
    [('h', 'a + z * (b - a)')]
    """
    keep = set(keep)
    uses: dict[Term, int] = {}
    for operation in code.values():
        for operand in operation.operands:
            uses[operand] = uses.get(operand, 0) + 1

    def lonely(term: Term) -> Apply | None:
        if not isinstance(term, Read) or term.previous or term in keep or uses[term] > 1:
            return None
        operation = code.get(term.name)
        return operation if operation and operation.function == "multiply" else None

    joined = dict(code)
    for name, operation in code.items():
        if operation.function not in ("add", "subtract"):
            continue
        a, b = operation.operands
        first, second = lonely(a), lonely(b)
        if operation.function == "add" and first and second and (blend := _blend(code, first, second)):
            joined[name] = Apply("lerp", blend)
        elif second:
            joined[name] = Apply(
                "addcmul" if operation.function == "add" else "subcmul", (a, *second.operands)
            )
        elif first and operation.function == "add":
            joined[name] = Apply("addcmul", (b, *first.operands))
    wanted = set(keep)
    for name in reversed(joined):
        if Read(name) in wanted:
            wanted.update(joined[name].operands)
    return ((name, operation) for name, operation in joined.items() if Read(name) in wanted)


def _blend(code: Mapping[str, Apply], first: Apply, second: Apply) -> tuple[Term, Term, Term] | None:
    """``(1 − z)·a + z·b`` as (a, b, z), in any order."""
    for one, other in ((first, second), (second, first)):
        for (left, a), (z, b) in itertools.product(
            (one.operands, one.operands[::-1]), (other.operands, other.operands[::-1])
        ):
            complement = isinstance(left, Read) and code.get(left.name) == Apply("subtract", (ONE, z))
            if complement and isinstance(z, Read):
                return a, b, z
    return None


def _products(slots: tuple[str, ...], terms: Mapping[str, list[tuple[str, Read]]]) -> tuple[Product, ...]:
    """The products by operand, each as runs of neighbouring slots."""
    by_operand: dict[Read, list[tuple[int, int, tuple[str, ...]]]] = {}
    for index, name in enumerate(slots):
        for matrix, operand in terms[name]:
            runs = by_operand.setdefault(operand, [])
            if runs and runs[-1][1] == index:
                start, _, before = runs.pop()
                runs.append((start, index + 1, (*before, matrix)))
            else:
                runs.append((index, index + 1, (matrix,)))
    return tuple(Product(operand, tuple(runs)) for operand, runs in by_operand.items())


def _laned(now: Mapping[str, Apply], place: Mapping[str, int]) -> Iterator[Instruction]:
    """The same function in place of neighbouring slots as one instruction; all else one by one."""
    groups: list[list[str]] = []
    for name in sorted(now, key=lambda name: (now[name].function, place.get(name, -1))):
        last = groups[-1][-1] if groups else name
        if place.get(name, 0) == place.get(last, -2) + 1 and _lanes_fit(now[last], now[name]):
            groups[-1].append(name)
        else:
            groups.append([name])
    for group in groups:
        operands = tuple(
            terms if len(set(terms)) > 1 else terms[:1]
            for terms in zip(*(now[name].operands for name in group), strict=True)
        )
        yield Instruction(now[group[0]].function, tuple(group), operands)


def _lanes_fit(one: Apply, other: Apply) -> bool:
    """Whether all operands but the first, which is in place, are equal or both weights."""
    return one.function == other.function and all(
        a == b or (isinstance(a, Weight) and isinstance(b, Weight))
        for a, b in zip(one.operands[1:], other.operands[1:], strict=True)
    )

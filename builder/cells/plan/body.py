"""A loop's equations as single operations on slots, carried values and what was taken out of the loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from builder.cells.cell import CellParameter
from builder.cells.plan.listing import Listing, addends, total
from builder.cells.term import Apply, Project, Read, Term, Weight, parts


@dataclass(frozen=True, slots=True)
class Slot:
    """Matrices with what each multiplies, before and within the loop, and biases."""

    static: list[tuple[str, Read]]
    inner: list[tuple[str, Read]]
    biases: tuple[str, ...]


class Body:
    """The equations as a listing over slots, carried values and what was hoisted.

    The gate ``tanh(V @ x + U @ h_prev + a·x)`` is a slot for both products, and the rest: of ``a·x``, which reads
    nothing of the step before, only the atom ``#0`` stays.

    >>> h, x = Read("h", previous=True), Read("x")
    >>> scaled = Apply("multiply", (Weight("a"), x))
    >>> products = Apply("add", (Project("V", (x,)), Project("U", (h,))))
    >>> gate = Apply("tanh", (Apply("add", (products, scaled)),))
    >>> body = Body({"h": gate}, {}, hoist=lambda term: Read("#0") if term == scaled else term, timeless=())
    >>> from builder.cells.plan.notation import formula
    >>> [(name, formula(operation)) for name, operation in body.listing.code.items()]
    [('%0', '@0 + #0'), ('h', 'tanh(%0)')]
    >>> slot = body.slots["@0"]
    >>> [matrix for matrix, _ in slot.static], [matrix for matrix, _ in slot.inner]
    (['V'], ['U'])
    """

    def __init__(
        self,
        terms: Mapping[str, Term],
        parameters: Mapping[str, CellParameter],
        hoist: Callable[[Term], Term],
        timeless: Collection[str],
    ) -> None:
        self._terms = terms
        self._parameters = parameters
        self._hoist = hoist
        self._timeless = timeless
        self._known: dict[tuple[object, ...], str] = {}
        self.slots: dict[str, Slot] = {}
        self.listing = Listing("%")
        inner = [list(parts(term)) for term in terms.values()]
        before = {
            part.name for within in inner for part in within if isinstance(part, Read) and part.previous
        }
        self.carried = tuple(name for name in terms if name in before)
        for name, term in terms.items():
            self.listing.define(name, self._rewritten(term))

    def _dynamic(self, term: Term) -> bool:
        return any(isinstance(part, Read) and part.name in self._terms for part in parts(term))

    def _rewritten(self, term: Term) -> Term:
        if not self._dynamic(term):
            return self._hoist(term)
        match term:
            case Project():
                return self._slot([term], [])
            case Apply("add" | "subtract" | "negative"):
                return self._sum(term)
            case Apply(function, operands):
                return Apply(function, tuple(self._rewritten(operand) for operand in operands))
        return term

    def _sum(self, term: Term) -> Term:
        """A sum as its slot, if it holds a product made within the loop, and the rest."""
        plus, minus = addends(term)
        if not any(isinstance(addend, Project) and self._dynamic(addend) for addend in plus):
            still = [addend for addend in plus if not self._dynamic(addend)]
            away = [addend for addend in minus if not self._dynamic(addend)]
            known = [self._hoist(total(still, away))] if still or away else []
            return total(
                [*known, *(self._rewritten(addend) for addend in plus if self._dynamic(addend))],
                [self._rewritten(addend) for addend in minus if self._dynamic(addend)],
            )
        joined: list[Project] = []
        biases: list[Weight] = []
        rest: list[Term] = []
        for addend in plus:
            if isinstance(addend, Project) and self._joins(addend):
                joined.append(addend)
            elif isinstance(addend, Weight) and self._parameters[addend.name].kind != "scalar":
                biases.append(addend)
            else:
                rest.append(addend)
        slot = self._slot(joined, biases)
        return total([slot, *map(self._rewritten, rest)], [self._rewritten(addend) for addend in minus])

    def _joins(self, product: Project) -> bool:
        """Whether the product can be part of a slot: its operand has steps."""
        reads = [part for part in parts(product) if isinstance(part, Read)]
        return any(read.name not in self._timeless for read in reads)

    def _slot(self, products: Iterable[Project], biases: Iterable[Weight]) -> Read:
        static: list[tuple[str, Read]] = []
        inner: list[tuple[str, Read]] = []
        for product in products:
            if self._dynamic(product):
                within = self.listing.atom(self._rewritten(product.operands[0]))
                assert isinstance(within, Read)
                inner.append((product.matrix, within))
            else:
                operand = self._hoist(product.operands[0])
                assert isinstance(operand, Read)
                static.append((product.matrix, operand))
        named = tuple(bias.name for bias in biases)
        key = (tuple(static), tuple(inner), named)
        if key not in self._known:
            self._known[key] = f"@{len(self.slots)}"
            self.slots[self._known[key]] = Slot(static, inner, named)
        return Read(self._known[key])

"""A cell as a program: what is worked out for all steps at once, what is a scan, and what needs a loop.

The equations' strongly connected components of "reads" (now or one step before) are taken in order. One
that reads nothing of itself is no recurrence: it is worked out for all steps at once, before or after the
loops, in a ``Whole``. One whose only carried value is linear and elementwise in itself is a ``Scan``. Each other
is a ``Loop`` (``builder.cells.plan.loop``), out of which all that does not depend on its own values is taken: every
product with a matrix is then one product for all steps.

All three in one cell. ``c`` is linear in ``c_prev``, so its factor and its rest (``#0``) are worked out first; of ``h``
only the product with ``h_prev`` needs a loop:

    >>> from builder.cells.plan.example import example_cell
    >>> from builder.cells.plan.notation import region_lines
    >>> cell = example_cell(
    ...     "{states: [h, c], gates: {f: sigmoid(W @ x)},"
    ...     " update: {c: f * c_prev + (1 - f) * (W @ x), h: tanh(U @ h_prev + V @ c)}}"
    ... )
    >>> for region in compile_cell(cell).regions:
    ...     for line in region_lines(region):
    ...         print(line)
    [@0.0; @0.1] = [f.W; c.W] @ x
    f = sigmoid(@0.0)
    #0 = (1 - f) * @0.1
    scan: c = f * c_prev + #0
    loop: h
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from builder.cells.cell import Cell, Width
from builder.cells.plan.linear import line
from builder.cells.plan.listing import TooLarge, addends, shallow, total
from builder.cells.plan.loop import Loop
from builder.cells.plan.planner import make_loop
from builder.cells.term import Apply, Project, Read, Term, Weight, parts, rewritten

Recurrence = Literal["none", "linear", "elementwise", "matrix"]
_RANK: Final[tuple[Recurrence, ...]] = ("none", "linear", "elementwise", "matrix")
_LARGEST: Final = 20_000  # terms within terms of a cell: an equation of 2,000 characters has up to 1,000


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of a matrix that one operand meets: ``W @ [h_prev, x]`` is two blocks."""

    matrix: str
    before: tuple[Width, ...]
    width: Width


@dataclass(frozen=True, slots=True)
class Packed:
    """Products of one operand with several matrices, side by side: ``names[k] = matrices[k] @ operand + biases[k]``."""

    operand: Term
    names: tuple[str, ...]
    matrices: tuple[str, ...]
    biases: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """``name = term``, value by value, at all steps at once."""

    name: str
    term: Term


@dataclass(frozen=True, slots=True)
class Whole:
    """Values worked out at all steps at once, in this order."""

    steps: tuple[Packed | Assignment, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """``name[t] = factor[t] · name[t−1] + rest[t]``, both known at all steps."""

    name: str
    factor: Term
    rest: Term


Region = Whole | Scan | Loop


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled cell. ``states`` are the cell's states, then what else it carries, in that order.

    ``recurrence`` names the hardest of the regions: ``none``, ``linear`` (scans), ``elementwise`` (a loop without a
    matrix) or ``matrix``.
    """

    cell: Cell
    states: tuple[str, ...]
    blocks: Mapping[str, Block]
    regions: tuple[Region, ...]
    recurrence: Recurrence

    @property
    def output(self) -> str:
        """The state that leaves the layer."""
        return self.cell.output


@cache
def compile_cell(cell: Cell) -> Program:
    """The program of a cell; the same object for the same cell.

    Raises ``TooLarge`` for a cell of so many operations that it is no gain to plan them.
    """
    if sum(1 for equation in cell.equations for _ in parts(equation.term)) > _LARGEST:
        raise TooLarge
    return _Compiler(cell).program()


class _Compiler:
    """Regions in the making."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.states = cell.state_names
        self.blocks: dict[str, Block] = {}
        self.terms = {
            equation.name: shallow(rewritten(equation.term, self._split)) for equation in cell.equations
        }
        self._reads = {
            name: {part for part in parts(term) if isinstance(part, Read)}
            for name, term in self.terms.items()
        }
        self.regions: list[Region] = []
        self.timeless: set[str] = set()
        self._pending: list[tuple[str, Term]] = []
        self._hoisted: dict[Term, Term] = {}

    def program(self) -> Program:
        """Takes the components in order, those that need no loop first."""
        rank = 0
        reads = {
            component: {read.name for name in component for read in self._reads[name]}
            for component in components(self.terms)
        }
        waiting = list(reads)
        done: set[str] = {"x"}
        while waiting:
            ready = [component for component in waiting if reads[component] <= done.union(component)]
            recurrent = [component for component in ready if not reads[component].isdisjoint(component)]
            if len(recurrent) == len(ready):
                ready = recurrent[:1]
                rank = max(rank, self._recur(ready[0]))
            else:
                ready = [component for component in ready if reads[component].isdisjoint(component)]
                for (name,) in ready:
                    self._whole(name, self.terms[name])
            done.update(name for component in ready for name in component)
            waiting = [component for component in waiting if not done.issuperset(component)]
        self._close()
        return Program(self.cell, self.states, self.blocks, tuple(self.regions), _RANK[rank])

    def _split(self, term: Term) -> Term:
        """A matrix on several operands as a sum of blocks."""
        if not isinstance(term, Project) or len(term.operands) == 1:
            return term
        columns = self.cell.parameters[term.matrix].columns
        products: list[Term] = []
        for index, operand in enumerate(term.operands):
            name = f"{term.matrix}:{index}"
            self.blocks[name] = Block(term.matrix, columns[:index], columns[index])
            products.append(Project(name, (operand,)))
        return total(products, [])

    def _recur(self, component: tuple[str, ...]) -> int:
        """Adds the scan or the loop of a component, and says how hard it is."""
        if scan := self._scan(component):
            self._close()
            self.regions.append(scan)
            for name in component:
                if name != scan.name:
                    self._whole(name, self.terms[name])
            return _RANK.index("linear")
        terms = {name: self.terms[name] for name in component}
        outside = {name for name in self.states if name in terms}
        outside |= {
            read.name
            for name, reads in self._reads.items()
            if name not in terms
            for read in reads
            if read.name in terms
        }
        loop = make_loop(terms, outside, self.cell.parameters, self._hoist, self.timeless)
        self._close()
        self.regions.append(loop)
        return _RANK.index("matrix" if loop.operands else "elementwise")

    def _scan(self, component: tuple[str, ...]) -> Scan | None:
        """The component as one linear, elementwise recurrence, if it is one."""
        if any(isinstance(part, Project) and self._inside(part, component) for name in component
               for part in parts(self.terms[name])):  # fmt: skip
            return None
        carried = {
            read
            for name in component
            for read in self._reads[name]
            if read.previous and read.name in component
        }
        if len(carried) != 1:
            return None
        (previous,) = carried
        terms = {name: self.terms[name] for name in component}
        if line(terms, previous, _tried) is None:
            return None
        factor_and_rest = line(terms, previous, self._hoist)
        assert factor_and_rest is not None
        return Scan(previous.name, *factor_and_rest)

    def _inside(self, term: Term, component: Iterable[str]) -> bool:
        return any(isinstance(part, Read) and part.name in component for part in parts(term))

    def _hoist(self, term: Term) -> Term:
        """The atom that will hold the term's value at all steps."""
        if not isinstance(term, Apply | Project):
            return term
        if term not in self._hoisted:
            name = f"#{len(self._hoisted)}"
            self._hoisted[term] = Read(name)
            self._whole(name, term)
        return self._hoisted[term]

    def _whole(self, name: str, term: Term) -> None:
        self._pending.append((name, term))
        if not any(isinstance(part, Read) and part.name not in self.timeless for part in parts(term)):
            self.timeless.add(name)

    def _close(self) -> None:
        """Ends the values that are worked out at all steps at once."""
        if self._pending:
            self.regions.append(_Packer(self._pending, f"@{len(self.regions)}.").whole())
            self._pending = []


class _Packer:
    """Packs products with one operand side by side, each with the biases that are added to it."""

    def __init__(self, pending: list[tuple[str, Term]], sign: str) -> None:
        self._pending = pending
        self._sign = sign  # no two regions give the same name
        self._products: dict[Term, dict[tuple[str, tuple[str, ...]], str]] = {}
        self._count = 0

    def whole(self) -> Whole:
        """The values in order; a packed product stands before the first value that reads it."""
        terms = [(name, self._packed(term)) for name, term in self._pending]
        steps: list[Packed | Assignment] = []
        left = {
            name: (operand, products)
            for operand, products in self._products.items()
            for name in products.values()
        }

        def place(term: Term) -> None:
            for part in parts(term):
                if not isinstance(part, Read) or part.name not in left:
                    continue
                operand, products = left[part.name]
                for name in products.values():
                    del left[name]
                place(operand)
                matrices, biases = zip(*products, strict=True)
                steps.append(Packed(operand, tuple(products.values()), matrices, biases))

        for name, term in terms:
            place(term)
            steps.append(Assignment(name, term))
        return Whole(tuple(steps))

    def _packed(self, term: Term) -> Term:
        if isinstance(term, Apply) and term.function in ("add", "subtract", "negative"):
            plus, minus = addends(term)
            products = [addend for addend in plus if isinstance(addend, Project)]
            if products:
                biases = tuple(addend.name for addend in plus if isinstance(addend, Weight))
                first = self._product(products[0], biases)
                rest = [
                    addend for addend in plus if addend is not products[0] and not isinstance(addend, Weight)
                ]
                return total([first, *map(self._packed, rest)], [self._packed(addend) for addend in minus])
        if isinstance(term, Project):
            return self._product(term, ())
        if isinstance(term, Apply):
            return Apply(term.function, tuple(self._packed(operand) for operand in term.operands))
        return term

    def _product(self, term: Project, biases: tuple[str, ...]) -> Read:
        products = self._products.setdefault(self._packed(term.operands[0]), {})
        key = (term.matrix, biases)
        if key not in products:
            products[key] = f"{self._sign}{self._count}"
            self._count += 1
        return Read(products[key])


def _tried(term: Term) -> Term:
    """An atom in place of what would be hoisted."""
    return Read("#") if isinstance(term, Apply | Project) else term


def components(terms: Mapping[str, Term]) -> list[tuple[str, ...]]:
    """The strongly connected components of "reads, now or one step before" (Tarjan 1972), in file order.

    A component's names stand in the order of ``terms``.
    """
    reads = {
        name: {part.name for part in parts(term) if isinstance(part, Read) and part.name in terms}
        for name, term in terms.items()
    }
    reached: dict[str, set[str]] = {}
    for name in terms:
        seen: set[str] = set()
        waiting = set(reads[name])
        while waiting:
            here = waiting.pop()
            seen.add(here)
            waiting |= reads[here] - seen
        reached[name] = seen
    circles: list[tuple[str, ...]] = []
    for name in terms:
        mates = tuple(
            other for other in terms if other == name or (other in reached[name] and name in reached[other])
        )
        if mates not in circles:
            circles.append(mates)
    return circles

"""Which parameter of one cell is which of another, if the two are the same function however written.

Both are brought to normal form; their sums are matched product by product. What multiplies the same value in
both is a *place*, filled by a combination of parameters: ``b_1 + b_2`` here may be one ``b`` there. The places
are linear equations between the two cells' parameters, solved exactly.

Two peephole LSTMs with one gate: ``i`` says what is taken in, ``f`` what is kept, so ``f`` is ``1 - i``.

>>> from builder.cells.reader import read_cells
>>> from builder.errors import Report
>>> from builder.language.source import read_text
>>> text = '''
... Takes:
...   states: [h, c]
...   parameters: {p: vector}
...   gates: {i: sigmoid(W @ x + p * c_prev + b)}
...   update: {c: (1 - i) * c_prev + i * tanh(U @ h_prev), h: tanh(c)}
... Keeps:
...   states: [y, s]
...   parameters: {q: vector}
...   gates: {f: sigmoid(W @ x + q * s_prev + b_1 + b_2)}
...   update: {s: f * s_prev + (1 - f) * tanh(2 * (V @ y_prev)), y: tanh(s)}
... '''
>>> cells = read_cells(read_text(text).root, Report())
>>> takes, keeps = cells["Takes"], cells["Keeps"]
>>> (match,) = correspondences(takes, keeps)
>>> match.states
{'h': 'y', 'c': 's'}

Each place gives a row: what fills it in the one cell, and in the other.

>>> def shown(row: Row) -> str:
...     return " + ".join(f"{factor:g} {leaf.name}" for leaf, factor in row.items())
>>> for ours, theirs in match.rows:
...     print(shown(ours), "=", shown(theirs))
1 i.W = -1 f.W
1 i.b = -1 f.b_1 + -1 f.b_2
1 i.p = -1 f.q
1 c.U = 2 s.V

The rows are solved for either cell's parameters. Of the two biases, one is enough: ``f.b_2`` is zero.

>>> {leaf.name: combination for leaf, combination in match.solved().items()}["i.p"]
((-1.0, Leaf(name='f.q', part=None)),)
>>> for leaf, combination in match.reversed().solved().items():
...     print(leaf.name, "=", shown({source: factor for factor, source in combination}) or 0)
f.W = -1 i.W
f.b_1 = -1 i.b
f.b_2 = 0
f.q = -1 i.p
s.V = 0.5 c.U
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, permutations
from typing import Final

from builder.cells.cell import Cell
from builder.cells.meaning.normal_form import (
    Atom,
    Call,
    Column,
    Monomial,
    NormalForm,
    Own,
    Polynomial,
    TooLarge,
    Value,
    atoms,
)  # fmt: skip

MOST_FLIPS: Final = 8
MOST_STATES: Final = 4
MOST_PAIRS: Final = 20_000  # of atoms that are tried: gates that may stand for each other multiply the ways


@dataclass(frozen=True, slots=True, order=True)
class Leaf:
    """A parameter, or the ``part``-th block of columns of a matrix. ``UNIT`` is the number 1."""

    name: str
    part: int | None = None


UNIT: Final = Leaf("1")

Combination = tuple[tuple[float, Leaf], ...]  # factors and what they multiply; empty: zero
Row = Mapping[Leaf, float]


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Two cells, matched. ``states`` are names of the one and of the other, the output first.

    ``rows`` are the places: what fills each in the one, and in the other.
    """

    states: Mapping[str, str]
    rows: tuple[tuple[Row, Row], ...] = ()
    calls: tuple[tuple[Call, Call], ...] = ()

    def solved(self) -> dict[Leaf, Combination] | None:
        """Every parameter of the one as a combination of the other's, if it can be one."""
        return solution([row for row, _ in self.rows], [row for _, row in self.rows])

    def reversed(self) -> Correspondence:
        """The same, seen from the other cell."""
        return Correspondence(
            {b: a for a, b in self.states.items()}, tuple((b, a) for a, b in self.rows)
        )  # fmt: skip


def correspondences(one: Cell, other: Cell, lacking: bool = False) -> Iterator[Correspondence]:
    """All ways in which the cells' sums match. ``lacking``: the other need not fill every place.

    There is none for a cell with very many gates. Raises ``TooLarge`` for one whose sums grow too large, or
    match in too many ways.
    """
    ours = NormalForm(one)
    theirs = NormalForm(other)
    if len(ours.needed) != len(theirs.needed) or len(ours.needed) > MOST_STATES:
        return
    if _functions(ours) != _functions(theirs) or theirs.choices > MOST_FLIPS:
        return
    forms = [theirs, *(NormalForm(other, flips) for flips in range(1, 1 << theirs.choices))]
    first, *rest = ours.needed
    tried = count(1)
    for order in permutations(theirs.needed[1:]):
        states = {first: theirs.needed[0]} | dict(zip(rest, order, strict=True))
        for form in forms:
            pairs = [(ours.values[a], form.values[b]) for a, b in states.items()]
            yield from _Matching(one, other, lacking, tried).all(pairs, Correspondence(states))


def _functions(form: NormalForm) -> Counter[str]:
    """How many different values of each function there are: the same in whatever way they are written."""
    calls = {atom for name in form.needed for atom in atoms(form.values[name]) if isinstance(atom, Call)}
    return Counter(call.function for call in calls)


@dataclass(frozen=True, slots=True)
class _Place:
    """Products that differ in one parameter alone: what else they hold, and the parameters."""

    cofactor: Monomial
    operand: Monomial | None  # what the matrix multiplies; None for vectors and scalars
    kind: str
    row: Row


@dataclass(frozen=True, slots=True)
class _Product:
    """A product of no parameter, or of several, with its factor."""

    monomial: Monomial
    factor: float


@dataclass(frozen=True, slots=True)
class _Matching:
    one: Cell
    other: Cell
    lacking: bool
    tried: count[int]

    def all(
        self, pairs: Sequence[tuple[Polynomial, Polynomial]], so_far: Correspondence
    ) -> Iterator[Correspondence]:
        if not pairs:
            yield so_far
            return
        (a, b), *rest = pairs
        for matched in self._sums(a, b, so_far):
            yield from self.all(rest, matched)

    def _sums(self, a: Polynomial, b: Polynomial, so_far: Correspondence) -> Iterator[Correspondence]:
        yield from self._groups(_grouped(a, self.one), _grouped(b, self.other), so_far)

    def _groups(
        self, a: list[_Place | _Product], b: list[_Place | _Product], so_far: Correspondence
    ) -> Iterator[Correspondence]:
        if not a:
            if not b:
                yield so_far
            return
        first, *rest = a
        for place, candidate in enumerate(b):
            for matched in self._group(first, candidate, so_far):
                yield from self._groups(rest, b[:place] + b[place + 1 :], matched)
        if self.lacking and isinstance(first, _Place) and len(a) > len(b):
            yield from self._groups(rest, b, _with_row(so_far, first.row, {}))

    def _group(
        self, a: _Place | _Product, b: _Place | _Product, so_far: Correspondence
    ) -> Iterator[Correspondence]:
        if isinstance(a, _Product) and isinstance(b, _Product):
            if a.factor == b.factor:
                yield from self._products(a.monomial, b.monomial, so_far)
        elif isinstance(a, _Place) and isinstance(b, _Place) and a.kind == b.kind:
            for matched in self._products(a.cofactor, b.cofactor, so_far):
                for whole in self._products(a.operand or (), b.operand or (), matched):
                    yield _with_row(whole, a.row, b.row)

    def _products(self, a: Monomial, b: Monomial, so_far: Correspondence) -> Iterator[Correspondence]:
        if len(a) != len(b):
            return
        if not a:
            yield so_far
            return
        for place, candidate in enumerate(b):
            for matched in self._atoms(a[0], candidate, so_far):
                yield from self._products(a[1:], b[:place] + b[place + 1 :], matched)

    def _atoms(self, a: Atom, b: Atom, so_far: Correspondence) -> Iterator[Correspondence]:
        if next(self.tried) > MOST_PAIRS:
            raise TooLarge
        match a, b:
            case (Value(name), Value(other)):
                if so_far.states.get(name, name) == other and (name == "x") == (other == "x"):
                    yield so_far
            case (Own(name), Own(other)):
                if _kind(self.one, name) == _kind(self.other, other):
                    yield _with_row(so_far, {Leaf(name): 1.0}, {Leaf(other): 1.0})
            case (Column(name, part, operand), Column(other, place, argument)):
                row = {Leaf(name, part): 1.0}, {Leaf(other, place): 1.0}
                for matched in self._products(operand, argument, so_far):
                    yield _with_row(matched, *row)
            case (Call(), Call()):
                yield from self._calls(a, b, so_far)

    def _calls(self, a: Call, b: Call, so_far: Correspondence) -> Iterator[Correspondence]:
        for ours, theirs in so_far.calls:
            if ours == a or theirs == b:
                if ours == a and theirs == b:
                    yield so_far
                return
        if a.function != b.function:
            return
        orders = permutations(b.operands) if a.function in ("minimum", "maximum") else [b.operands]
        for operands in orders:
            for matched in self.all(list(zip(a.operands, operands, strict=True)), so_far):
                yield replace(matched, calls=(*matched.calls, (a, b)))


def _grouped(polynomial: Polynomial, cell: Cell) -> list[_Place | _Product]:
    """The sum's products of no parameter, then its places, then its products of several."""
    rows: dict[tuple[Monomial, Monomial | None, str], dict[Leaf, float]] = {}
    bare: list[_Product] = []
    several: list[_Product] = []
    for monomial, factor in polynomial:
        held = [atom for atom in monomial if isinstance(atom, Own | Column)]
        if len(held) != 1:
            (several if held else bare).append(_Product(monomial, factor))
            continue
        (atom,) = held
        cofactor = tuple(other for other in monomial if other is not atom)
        if isinstance(atom, Column):
            kind = cell.parameters[atom.matrix].columns[atom.part]
            rows.setdefault((cofactor, atom.operand, kind), {})[Leaf(atom.matrix, atom.part)] = factor
        else:
            rows.setdefault((cofactor, None, _kind(cell, atom.name)), {})[Leaf(atom.name)] = factor
    left: list[_Product] = []
    for summand in bare:  # a number beside a bias, `b + 1`, is part of what fills the bias's place
        row = rows.get((summand.monomial, None, "vector"))
        if row is None:
            left.append(summand)
        else:
            row[UNIT] = summand.factor
    return [*left, *(_Place(*key, row) for key, row in rows.items()), *several]


def _kind(cell: Cell, name: str) -> str:
    return "scalar" if cell.parameters[name].kind == "scalar" else "vector"


def _with_row(so_far: Correspondence, a: Row, b: Row) -> Correspondence:
    return so_far if (a, b) in so_far.rows else replace(so_far, rows=(*so_far.rows, (a, b)))


def solution(targets: Sequence[Row], sources: Sequence[Row]) -> dict[Leaf, Combination] | None:
    """The leaves of ``targets`` as combinations of those of ``sources``, so that all rows agree.

    Of several solutions the one with most zeros by elimination: of ``b_1 + b_2 = b`` it is ``b_1 = b``.
    """
    unknown = sorted({leaf for row in targets for leaf in row} - {UNIT})
    known = sorted({leaf for row in sources for leaf in row} | {UNIT})
    system = [
        [Fraction(row.get(leaf, 0.0)) for leaf in unknown]
        + [
            Fraction(given.get(leaf, 0.0)) - (Fraction(row.get(UNIT, 0.0)) if leaf == UNIT else 0)
            for leaf in known
        ]
        for row, given in zip(targets, sources, strict=True)
    ]
    pivots = _eliminate(system, len(unknown))
    if any(any(row) for row in system[len(pivots) :]):
        return None
    solved: dict[Leaf, Combination] = dict.fromkeys(unknown, ())
    for row, pivot in zip(system, pivots, strict=False):
        factors = zip(row[len(unknown) :], known, strict=True)
        solved[unknown[pivot]] = tuple((float(factor), leaf) for factor, leaf in factors if factor)
    return solved


def _eliminate(system: list[list[Fraction]], columns: int) -> list[int]:
    """Gauss–Jordan over the first columns, in place. The columns of the pivots, row by row."""
    pivots: list[int] = []
    for column in range(columns):
        top = len(pivots)
        pivot = next((at for at in range(top, len(system)) if system[at][column]), None)
        if pivot is None:
            continue
        system[top], system[pivot] = system[pivot], system[top]
        lead = system[top][column]
        system[top] = [value / lead for value in system[top]]
        for at, row in enumerate(system):
            if at != top and row[column]:
                factor = row[column]
                system[at] = [value - factor * above for value, above in zip(row, system[top], strict=True)]
        pivots.append(column)
    return pivots

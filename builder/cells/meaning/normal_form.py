"""Equations in a form in which spelling no longer shows: sums of products, gates written out.

``1 - sigmoid(a)`` is ``sigmoid(-a)``, ``W @ [h_prev, x]`` is two products, ``(1 - z) * n`` is ``n - z * n``.
Two cells with the same form are the same function; the converse holds for the ways people write gates.

A peephole LSTM whose input gate is what its forget gate leaves, written in two ways:

>>> from builder.cells.reader import read_cells
>>> from builder.errors import Report
>>> from builder.language.source import read_text
>>> def form(forget: str, update: str) -> NormalForm:
...     gates = f"gates: {{f: '{forget}'}}, update: {{c: '{update}', h: tanh(c)}}"
...     text = f"P: {{states: [h, c], parameters: {{p: vector}}, {gates}}}"
...     return NormalForm(read_cells(read_text(text).root, Report())["P"])
>>> one = form("sigmoid(W @ [h_prev, x] + p * c_prev)", "f * c_prev + (1 - f) * tanh(U @ x)")
>>> two = form("1 - sigmoid(-(W @ [h_prev, x]) - c_prev * p)", "tanh(U @ x) + f * (c_prev - tanh(U @ x))")
>>> one.values == two.values
True

The gate is one sigmoid, of a sum of three products: each block of columns of ``W`` with what it multiplies,
and the peephole.

>>> (((gate,), factor),) = one.values["f"]
>>> gate.function, factor
('sigmoid', 1.0)
>>> for product, factor in gate.operands[0]:
...     print(factor, product)
1.0 (Column(matrix='f.W', part=0, operand=(Value(name='h'),)),)
1.0 (Column(matrix='f.W', part=1, operand=(Value(name='x'),)),)
1.0 (Own(name='f.p'), Value(name='c'))

``c`` is f·c + tanh(U x) − f·tanh(U x): three products of such atoms. The output needs both states; each of
the three functions that were met, of which ``tanh(c)`` is one, could have been written with the other sign.

>>> [(factor, len(product)) for product, factor in one.values["c"]]
[(-1.0, 2), (1.0, 2), (1.0, 1)]
>>> one.needed, one.choices
(('h', 'c'), 3)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, final

from builder.cells.cell import Cell
from builder.cells.term import Apply, Constant, Project, Read, Term, Weight, folded

ODD: Final = frozenset({"tanh", "softsign", "hardtanh"})  # f(−a) = −f(a)
MIRRORED: Final = frozenset({"sigmoid", "hardsigmoid"})  # f(−a) = 1 − f(a)
LARGEST: Final = 400  # products in one sum
DEEPEST: Final = 4000  # atoms within one function, each counted as often as it is written
LONGEST: Final = 10_000  # atoms in all sums on the way, each counted as often as it is written
HIGHEST: Final = 4  # a power up to here is a product


class TooLarge(Exception):
    """The sums, or the ways to match them, are too many: this form is not for such a cell."""


@final
@dataclass(frozen=True, slots=True)
class Value:
    """``x``, or a carried value of the step before."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Own:
    """A bias, vector or scalar."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Column:
    """The ``part``-th block of columns of a matrix, times a product of values."""

    matrix: str
    part: int
    operand: Monomial


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A function of sums."""

    function: str
    operands: tuple[Polynomial, ...]
    size: int = field(default=1, compare=False, repr=False)


Atom = Value | Own | Column | Call
Monomial = tuple[Atom, ...]  # a product; sorted
Polynomial = tuple[tuple[Monomial, float], ...]  # a sum of products, each with its factor; sorted, no zeros

ZERO: Final[Polynomial] = ()
ONE: Final[Polynomial] = (((), 1.0),)


def total(summands: Iterable[tuple[Monomial, float]]) -> Polynomial:
    """The sum of products, alike ones together. Raises ``TooLarge``."""
    factors: dict[Monomial, float] = {}
    for monomial, factor in summands:
        factors[monomial] = factors.get(monomial, 0.0) + factor
    rounded = {monomial: float(f"{factor:.12g}") for monomial, factor in factors.items()}
    kept = [(monomial, factor) for monomial, factor in rounded.items() if abs(factor) > 1e-12]
    if len(kept) > LARGEST:
        raise TooLarge
    return tuple(sorted(kept, key=_written))


def scaled(polynomial: Polynomial, factor: float) -> Polynomial:
    """The polynomial times a number."""
    return tuple((monomial, factor * own) for monomial, own in polynomial) if factor else ZERO


def product(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product, multiplied out. Raises ``TooLarge``."""
    if len(left) * len(right) > 4 * LARGEST:
        raise TooLarge
    return total((_sorted((*a, *b)), p * q) for a, p in left for b, q in right)


def atoms(polynomial: Polynomial) -> Iterator[Atom]:
    """Every atom within, the operands of functions and matrices included."""
    for monomial, _ in polynomial:
        yield from _within(monomial)


def reads(polynomial: Polynomial) -> set[str]:
    """The names of the carried values, and of ``x``, that the polynomial depends on."""
    return {atom.name for atom in atoms(polynomial) if isinstance(atom, Value)}


@dataclass
class NormalForm:
    """The values of a cell's equations, each in terms of ``x``, carried values and parameters alone.

    An odd or mirrored function may be written in two ways, ``tanh(a)`` and ``-tanh(-a)``; bit k of ``flips``
    chooses for the k-th such that is met, of ``choices`` in all. Raises ``TooLarge``.
    """

    cell: Cell
    flips: int = 0
    values: dict[str, Polynomial] = field(default_factory=dict)
    _met: dict[tuple[str, Polynomial], int] = field(default_factory=dict)
    _length: int = 0

    def __post_init__(self) -> None:
        for equation in self.cell.equations:
            self.values[equation.name] = folded(equation.term, self._normal)

    @property
    def choices(self) -> int:
        """How many odd or mirrored functions were met: there are 2 to the power of it ways to write the cell."""
        return len(self._met)

    @property
    def needed(self) -> tuple[str, ...]:
        """The output, and the carried values that it depends on, directly or through others."""
        names = [self.cell.output]
        for name in names:
            names += sorted(reads(self.values[name]) - {"x"} - set(names))
        return tuple(names)

    def _normal(self, term: Term, operands: tuple[Polynomial, ...]) -> Polynomial:
        polynomial = self._formed(term, operands)
        self._length += 1 + sum(_size(monomial) for monomial, _ in polynomial)
        if self._length > LONGEST:
            raise TooLarge
        return polynomial

    def _formed(self, term: Term, operands: tuple[Polynomial, ...]) -> Polynomial:
        match term:
            case Constant(value):
                return total([((), value)])
            case Read(name, previous):
                if previous or name not in self.values:
                    return (((Value(name),), 1.0),)
                return self.values[name]
            case Weight(name):
                return (((Own(name),), 1.0),)
            case Project(matrix):
                return total(
                    ((Column(matrix, part, monomial),), factor)
                    for part, operand in enumerate(operands)
                    for monomial, factor in operand
                )
            case Apply(function):
                return self._applied(function, list(operands))
        raise ValueError(f"{term} was never resolved")

    def _applied(self, function: str, operands: list[Polynomial]) -> Polynomial:
        match function, operands:
            case ("add", [a, b]):
                return total((*a, *b))
            case ("subtract", [a, b]):
                return total((*a, *scaled(b, -1.0)))
            case ("negative", [a]):
                return scaled(a, -1.0)
            case ("multiply", [a, b]):
                return product(a, b)
            case ("divide", [a, b]):
                return product(a, self._inverse(b))
            case ("power", [a, (((), exponent),)]) if exponent in range(1, HIGHEST + 1):
                power = a
                for _ in range(int(exponent) - 1):
                    power = product(power, a)
                return power
            case ("identity", [a]):
                return a
            case ("silu", [a]):
                return product(a, self._symmetric("sigmoid", a))
            case ("abs", [a]):
                return _called("abs", _positive(a))
            case ("maximum", [a, b]) if ZERO in (a, b):
                return _called("relu", a or b)
            case ("minimum" | "maximum", [a, b]):
                return _called(function, *sorted((a, b), key=repr))
            case (_, [a]) if function in ODD | MIRRORED:
                return self._symmetric(function, a)
        return _called(function, *operands)

    def _inverse(self, polynomial: Polynomial) -> Polynomial:
        match polynomial:
            case (((), number),):
                return total([((), 1 / number)])
            case (((), 1.0), ((Call("exp", (a,)),), 1.0)):
                return self._symmetric("sigmoid", scaled(a, -1.0))
        return _called("reciprocal", polynomial)

    def _symmetric(self, function: str, a: Polynomial) -> Polynomial:
        positive = _positive(a)
        place = self._met.setdefault((function, positive), len(self._met))
        base = scaled(positive, -1.0) if self.flips >> place & 1 else positive
        called = _called(function, base)
        if a == base:
            return called
        return scaled(called, -1.0) if function in ODD else total((*ONE, *scaled(called, -1.0)))


def _called(function: str, *operands: Polynomial) -> Polynomial:
    """Raises ``TooLarge`` before anything walks through what a chain of gates, written out, would fill."""
    size = 1 + sum(_size(monomial) for operand in operands for monomial, _ in operand)
    if size > DEEPEST:
        raise TooLarge
    return (((Call(function, operands, size),), 1.0),)


def _size(monomial: Monomial) -> int:
    """How many atoms are written in a product."""
    return sum(
        atom.size if isinstance(atom, Call) else 1 + _size(atom.operand) if isinstance(atom, Column) else 1
        for atom in monomial
    )


def _positive(a: Polynomial) -> Polynomial:
    """The polynomial or its negative, the same for both."""
    return a if not a or a[0][1] > 0 else scaled(a, -1.0)


def _within(monomial: Monomial) -> Iterator[Atom]:
    for atom in monomial:
        yield atom
        if isinstance(atom, Column):
            yield from _within(atom.operand)
        elif isinstance(atom, Call):
            for operand in atom.operands:
                yield from atoms(operand)


def _sorted(monomial: Monomial) -> Monomial:
    return tuple(sorted(monomial, key=_spelled))


def _written(summand: tuple[Monomial, float]) -> tuple[str, ...]:
    return tuple(map(_spelled, summand[0]))


@lru_cache(4096)
def _spelled(atom: Atom) -> str:
    return repr(atom)

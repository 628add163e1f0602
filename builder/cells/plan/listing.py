"""Terms as a list of single operations, each named once: what equal terms share is worked out once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from builder.cells.plan.derivative import simplified
from builder.cells.term import OPERATORS, Apply, Constant, Project, Read, Term, folded

_LARGEST: Final = 10_000  # operations in one listing
_DEEPEST: Final = 80  # terms within each other
_SUM: Final = 32  # what is added one after the other

# Worked out anew where they are needed again, instead of being kept.
CHEAP: Final = frozenset({*OPERATORS, "minimum", "maximum", "identity"}) - {"power"}


class TooLarge(Exception):
    """A cell of so many operations that it is no gain to plan them."""


class Listing:
    """Operations in an order in which each reads only what stands before it.

    ``code`` maps a name to a function on *atoms*: constants, weights and reads. Own names begin with a sign
    that no user's name can have. Raises ``TooLarge`` rather than to list more than a step should do.

    Equal terms are one operation:

    >>> x, one = Read("x"), Constant(1.0)
    >>> tanh = Apply("tanh", (x,))
    >>> listing = Listing("%")
    >>> listing.define("y", Apply("multiply", (tanh, Apply("subtract", (one, tanh)))))
    >>> from builder.cells.plan.notation import formula
    >>> for name, operation in listing.code.items():
    ...     print(name, "=", formula(operation))
    %0 = tanh(x)
    %1 = 1 - %0
    y = %0 * %1
    """

    def __init__(self, sign: str) -> None:
        self._sign = sign
        self.code: dict[str, Apply] = {}
        self._known: dict[Apply, Read] = {}

    def atom(self, term: Term) -> Term:
        """The atom that holds the term's value, listing what is not listed yet."""
        if not isinstance(term, Apply):
            return term
        operation = self._unsigned(
            simplified(term.function, tuple(self.atom(operand) for operand in term.operands))
        )
        if not isinstance(operation, Apply):
            return operation
        if any(isinstance(operand, Apply) for operand in operation.operands):
            return self.atom(operation)
        if operation not in self._known:
            self._known[operation] = self._list(f"{self._sign}{len(self.code)}", operation)
        return self._known[operation]

    def define(self, name: str, term: Term) -> None:
        """Lists the term under this very name."""
        if isinstance(term, Apply):
            operation = Apply(term.function, tuple(self.atom(operand) for operand in term.operands))
            self._known.setdefault(operation, self._list(name, operation))
        else:
            self._list(name, Apply("identity", (term,)))

    def _unsigned(self, term: Term) -> Term:
        """``a + (−b)`` as ``a − b``."""
        match term:
            case Apply("add", (a, Read(name, False))) | Apply("add", (Read(name, False), a)):
                listed = self.code.get(name)
                if listed and listed.function == "negative":
                    return simplified("subtract", (a, *listed.operands))
        return term

    def _list(self, name: str, operation: Apply) -> Read:
        if len(self.code) >= _LARGEST:
            raise TooLarge
        self.code[name] = operation
        return Read(name)

    def needed(self, wanted: Iterable[Term], held: frozenset[str]) -> Iterator[str]:
        """The names to work out for ``wanted``, in order, where those in ``held`` are there already."""
        seen: set[str] = set()
        waiting = [term for term in wanted if isinstance(term, Read)]
        while waiting:
            here = waiting.pop()
            if here.previous or here.name in held or here.name in seen or here.name not in self.code:
                continue
            seen.add(here.name)
            waiting.extend(operand for operand in self.code[here.name].operands if isinstance(operand, Read))
        return (name for name in self.code if name in seen)


def addends(term: Term) -> tuple[list[Term], list[Term]]:
    """What a sum adds and what it subtracts."""
    plus: list[Term] = []
    minus: list[Term] = []
    waiting = [(term, plus, minus)]
    while waiting:
        here, ours, others = waiting.pop()
        match here:
            case Apply("add", (a, b)):
                waiting += [(b, ours, others), (a, ours, others)]
            case Apply("subtract", (a, b)):
                waiting += [(b, others, ours), (a, ours, others)]
            case Apply("negative", (a,)):
                waiting.append((a, others, ours))
            case _:
                ours.append(here)
    return plus, minus


def total(plus: list[Term], minus: list[Term]) -> Term:
    """The sum of the ones less the others; a long one is a sum of sums, lest it be a deep term."""
    if len(plus) > _SUM or len(minus) > _SUM:
        size = max(_SUM, (max(len(plus), len(minus)) + _SUM - 1) // _SUM)
        parts = [
            [total(addends[at : at + size], []) for at in range(0, len(addends), size)]
            for addends in (plus, minus)
        ]
        return total(*parts)
    summed: Term = Constant(0.0)
    for addend in plus:
        summed = simplified("add", (summed, addend))
    for addend in minus:
        summed = simplified("subtract", (summed, addend))
    return summed


def shallow(term: Term) -> Term:
    """The term, if it is deep with its sums and products as sums of sums. Raises ``TooLarge`` if it is still deep."""
    if _depth(term) <= _DEEPEST:
        return term
    if folded(term, _levels)[0] > _DEEPEST or _depth(balanced := _balanced(term)) > _DEEPEST:
        raise TooLarge
    return balanced


def _depth(term: Term) -> int:
    return folded(term, lambda _, depths: 1 + max(depths, default=0))


def _levels(term: Term, within: tuple[tuple[int, str], ...]) -> tuple[int, str]:
    """How often sums, products and functions take turns; and which of them the term is."""
    kind = ""
    if isinstance(term, Apply):
        kind = {"subtract": "add", "negative": "add", "add": "add", "multiply": "multiply"}.get(
            term.function, ""
        )
    return max((level + (inner != kind or not kind) for level, inner in within), default=0), kind


def _balanced(term: Term) -> Term:
    match term:
        case Apply("add" | "subtract" | "negative"):
            plus, minus = addends(term)
            return total([_balanced(addend) for addend in plus], [_balanced(addend) for addend in minus])
        case Apply("multiply"):
            factors = [_balanced(factor) for factor in _factors(term)]
            while len(factors) > 1:
                pairs = itertools.zip_longest(factors[::2], factors[1::2], fillvalue=Constant(1.0))
                factors = [simplified("multiply", pair) for pair in pairs]
            return factors[0]
        case Apply(function, operands):
            return Apply(function, tuple(_balanced(operand) for operand in operands))
        case Project(matrix, operands):
            return Project(matrix, tuple(_balanced(operand) for operand in operands))
    return term


def _factors(term: Term) -> Iterator[Term]:
    """What a product multiplies, left to right."""
    waiting = [term]
    while waiting:
        match waiting.pop():
            case Apply("multiply", (a, b)):
                waiting += [b, a]
            case one:
                yield one

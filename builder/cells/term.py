"""The terms that a cell's equations are made of. Plain data: no text, no torch.

Two terms are equal if they mean the same operations in the same order; where they stood is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

_Made = TypeVar("_Made")

# How many values each function takes. All work value by value, save `layer_norm`, which works along the
# hidden axis (mean 0, variance 1, eps 1e-5, without weights of its own).
FUNCTIONS: Final[dict[str, int]] = {
    "sigmoid": 1, "tanh": 1, "relu": 1, "softplus": 1, "softsign": 1, "exp": 1, "log": 1, "abs": 1,
    "sqrt": 1, "elu": 1, "silu": 1, "gelu": 1, "hardsigmoid": 1, "hardtanh": 1, "identity": 1,
    "minimum": 2, "maximum": 2, "layer_norm": 1,
}  # fmt: skip

# The signs, as functions.
OPERATORS: Final[dict[str, int]] = {
    "add": 2, "subtract": 2, "multiply": 2, "divide": 2, "power": 2, "negative": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Constant:
    """A number."""

    value: float
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A name as written, before the cell says what it stands for."""

    text: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Read:
    """A value of this step (``x``, a state, a gate) or, with ``previous``, of the step before."""

    name: str
    previous: bool = False
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Weight:
    """A trainable vector, scalar or bias under its full name, ``i.p``."""

    name: str
    offset: int = field(default=0, compare=False)


class _Composed:
    """A term with terms within: hashed once, compared without recursion, for a sum may be of hundreds."""

    __slots__ = ()
    operands: tuple[Term, ...]
    _hash: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((type(self), _sign(self), self.operands)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        waiting: list[tuple[object, object]] = [(self, other)]
        while waiting:
            a, b = waiting.pop()
            if a is b:
                continue
            if isinstance(a, _Composed) and isinstance(b, _Composed):
                if a._hash != b._hash or _sign(a) != _sign(b) or len(a.operands) != len(b.operands):
                    return False
                waiting.extend(zip(a.operands, b.operands, strict=True))
            elif isinstance(a, _Composed) or isinstance(b, _Composed) or a != b:
                return False
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Project(_Composed):
    """``M @ v``: a matrix under its full name (``i.W``; as parsed: as written) and what it multiplies.

    Several ``operands`` are concatenated in their order: ``W @ [h_prev, x]``.
    """

    matrix: str
    operands: tuple[Term, ...]
    offset: int = 0
    _hash: int = field(init=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Apply(_Composed):
    """A function or sign of ``FUNCTIONS`` or ``OPERATORS`` on its operands."""

    function: str
    operands: tuple[Term, ...]
    offset: int = 0
    _hash: int = field(init=False, repr=False)


Term = Constant | Name | Read | Weight | Project | Apply


def parts(term: Term) -> Iterator[Term]:
    """The term and all terms within, outermost first, left to right."""
    waiting = [term]
    while waiting:
        here = waiting.pop()
        yield here
        if isinstance(here, Project | Apply):
            waiting.extend(reversed(here.operands))


def folded(term: Term, make: Callable[[Term, tuple[_Made, ...]], _Made]) -> _Made:
    """What ``make`` gives for the term: it is called with each part and what it gave for the part's operands.

    Innermost first, left to right, without recursion: a sum of hundreds is hundreds deep.

    >>> folded(Apply("tanh", (Read("x"),)), lambda part, depths: 1 + max(depths, default=0))
    2
    """
    made: list[_Made] = []
    waiting = [(term, False)]  # and whether its operands are made
    while waiting:
        here, ready = waiting.pop()
        operands = here.operands if isinstance(here, Project | Apply) else ()
        if operands and not ready:
            waiting.append((here, True))
            waiting.extend((operand, False) for operand in reversed(operands))
            continue
        first = len(made) - len(operands)
        made[first:] = [make(here, tuple(made[first:]))]
    return made[0]


def rewritten(term: Term, change: Callable[[Term], Term]) -> Term:
    """The term with ``change`` applied to every part, innermost first."""

    def make(part: Term, operands: tuple[Term, ...]) -> Term:
        match part:
            case Project(matrix, _, offset):
                part = Project(matrix, operands, offset)
            case Apply(function, _, offset):
                part = Apply(function, operands, offset)
        return change(part)

    return folded(term, make)


def _sign(term: _Composed) -> str:
    """What a term does to its operands, beside its type."""
    return term.matrix if isinstance(term, Project) else term.function if isinstance(term, Apply) else ""

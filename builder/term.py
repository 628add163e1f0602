"""The terms that a cell's equations are made of. Plain data: no text, no torch.

Two terms are equal if they mean the same operations in the same order; where they stood is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Project:
    """``M @ v``: a matrix under its full name (``i.W``; as parsed: as written) and what it multiplies.

    Several ``operands`` are concatenated in their order: ``W @ [h_prev, x]``.
    """

    matrix: str
    operands: tuple[Term, ...]
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function or sign of ``FUNCTIONS`` or ``OPERATORS`` on its operands."""

    function: str
    operands: tuple[Term, ...]
    offset: int = field(default=0, compare=False)


Term = Constant | Name | Read | Weight | Project | Apply


def parts(term: Term) -> Iterator[Term]:
    """The term and all terms within, outermost first, left to right."""
    waiting = [term]
    while waiting:
        here = waiting.pop()
        yield here
        if isinstance(here, Project | Apply):
            waiting.extend(reversed(here.operands))


def rewritten(term: Term, change: Callable[[Term], Term]) -> Term:
    """The term with ``change`` applied to every part, innermost first."""
    match term:
        case Project(matrix, operands, offset):
            term = Project(matrix, tuple(rewritten(one, change) for one in operands), offset)
        case Apply(function, operands, offset):
            term = Apply(function, tuple(rewritten(one, change) for one in operands), offset)
    return change(term)

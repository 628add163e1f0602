"""Equations that are linear in one value of the step before, each as a factor of it and a rest. Torch-free.

A gate between an old and a new value, where ``z`` and ``n`` read nothing of the step before:

    >>> from builder.cells.plan.example import example_cell
    >>> from builder.cells.plan.notation import formula
    >>> cell = example_cell(
    ...     "{states: [h], gates: {z: sigmoid(W @ x), n: tanh(W @ x)}, update: {h: (1 - z) * h_prev + z * n}}"
    ... )
    >>> update = cell.equations[-1]
    >>> factor, rest = line({update.name: update.term}, Read("h", previous=True), lambda term: term)
    >>> formula(factor), formula(rest)
    ('1 - z', 'z * n')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from builder.cells.plan.derivative import ONE, ZERO, multiply, negative, simplified
from builder.cells.term import Apply, Constant, Read, Term

Line = tuple[Term, Term]  # factor · value + rest


def line(terms: Mapping[str, Term], previous: Read, hoist: Callable[[Term], Term]) -> Line | None:
    """``previous.name`` as a line in ``previous``, if each of the equations ``terms`` is one, in their order.

    ``hoist`` takes a term that does not depend on ``previous`` and gives the atom that will hold it: an equation that
    reads another twice is not written out twice.
    """
    known: dict[Term, Line] = {previous: (ONE, ZERO)}
    for name, term in terms.items():
        straight = _line(term, known)
        if straight is None:
            return None
        known[Read(name)] = hoist(straight[0]), hoist(straight[1])
    return known[Read(previous.name)]


def _line(term: Term, known: Mapping[Term, Line]) -> Line | None:
    if isinstance(term, Read):
        return known.get(term, (ZERO, term))
    if not isinstance(term, Apply):
        return ZERO, term
    lines = []
    for operand in term.operands:
        straight = _line(operand, known)
        if straight is None:
            return None
        lines.append(straight)
    factors = tuple(factor for factor, _ in lines)
    rests = tuple(rest for _, rest in lines)
    if all(factor == ZERO for factor in factors):
        same = all(rest is operand for rest, operand in zip(rests, term.operands, strict=True))
        return ZERO, term if same else simplified(term.function, rests)
    match term.function, lines:
        case "add" | "subtract", _:
            return simplified(term.function, factors), simplified(term.function, rests)
        case ("identity", [one]) | ("power", [one, (_, Constant(1.0))]):
            return one
        case "negative", [(factor, rest)]:
            return negative(factor), negative(rest)
        case ("multiply", [(factor, rest), (Constant(0.0), by)]) | (
            "multiply",
            [(Constant(0.0), by), (factor, rest)],
        ):
            return multiply(factor, by), multiply(rest, by)
        case "divide", [(factor, rest), (Constant(0.0), by)]:
            return simplified("divide", (factor, by)), simplified("divide", (rest, by))
    return None

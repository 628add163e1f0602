"""Terms as a list of single operations, each named once: what equal terms share is worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from builder.derivative import simplified
from builder.term import OPERATORS, Apply, Constant, Read, Term

# Worked out anew where they are needed again, instead of being kept.
CHEAP: Final = frozenset({*OPERATORS, "minimum", "maximum", "identity"}) - {"power"}


class Listing:
    """Operations in an order in which each reads only what stands before it.

    ``code`` maps a name to a function on *atoms*: constants, weights and reads. Own names begin with a sign
    that no user's name can have.
    """

    def __init__(self, sign: str) -> None:
        self._sign = sign
        self.code: dict[str, Apply] = {}
        self._known: dict[Apply, Read] = {}

    def atom(self, term: Term) -> Term:
        """The atom that holds the term's value, listing what is not listed yet."""
        if not isinstance(term, Apply):
            return term
        found = self._unsigned(simplified(term.function, tuple(self.atom(one) for one in term.operands)))
        if not isinstance(found, Apply):
            return found
        if any(isinstance(one, Apply) for one in found.operands):
            return self.atom(found)
        if found not in self._known:
            self._known[found] = self._list(f"{self._sign}{len(self.code)}", found)
        return self._known[found]

    def define(self, name: str, term: Term) -> None:
        """Lists the term under this very name."""
        if isinstance(term, Apply):
            found = Apply(term.function, tuple(self.atom(one) for one in term.operands))
            self._known.setdefault(found, self._list(name, found))
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
        self.code[name] = operation
        return Read(name)

    def needed(self, wanted: Iterable[Term], held: frozenset[str]) -> Iterator[str]:
        """The names to work out for ``wanted``, in order, where those in ``held`` are there already."""
        seen: set[str] = set()
        waiting = [one for one in wanted if isinstance(one, Read)]
        while waiting:
            here = waiting.pop()
            if here.previous or here.name in held or here.name in seen or here.name not in self.code:
                continue
            seen.add(here.name)
            waiting.extend(one for one in self.code[here.name].operands if isinstance(one, Read))
        return (name for name in self.code if name in seen)


def addends(term: Term) -> tuple[list[Term], list[Term]]:
    """What a sum adds and what it subtracts."""
    match term:
        case Apply("add", (a, b)):
            (p, m), (q, n) = addends(a), addends(b)
            return p + q, m + n
        case Apply("subtract", (a, b)):
            (p, m), (q, n) = addends(a), addends(b)
            return p + n, m + q
        case Apply("negative", (a,)):
            p, m = addends(a)
            return m, p
    return [term], []


def total(plus: list[Term], minus: list[Term]) -> Term:
    """The sum of the ones less the others."""
    found: Term = Constant(0.0)
    for one in plus:
        found = simplified("add", (found, one))
    for one in minus:
        found = simplified("subtract", (found, one))
    return found

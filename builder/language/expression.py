"""Arithmetic in a spec: ``$name`` and ``$(channels * 4)``."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Final

from builder.errors import Cause, did_you_mean
from builder.language.arithmetic import MAX_LENGTH, GuardedLanguage, Parsed, Walker, parse, short, tokens

LARGEST: Final = 1 << 63

Number = int | float
Names = Mapping[str, object]

_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)\Z")
_FUNCTIONS: Final = {"minimum": 2, "maximum": 2, "abs": 1, "sqrt": 1, "exp": 1, "log": 1}
_LANGUAGE: Final = GuardedLanguage(
    called="the arithmetic of a spec",
    noun="arithmetic",
    token=tokens(name=r"[^\W\d]\w*", signs=r"\*\*|[-+*/]", brackets="[(),]"),
    functions=_FUNCTIONS,
    allowed=f"Allowed: numbers, names, `+ - * / **`, brackets, `{' '.join(_FUNCTIONS)}`.",
    example="As in `2 * width`.",
)


def evaluate(text: str, names: Names) -> object:
    """The value of ``$name`` (anything) or ``$(…)`` (a number).

    A whole quotient of integers is an integer; all else is Python's arithmetic, within ±2⁶³. Raises
    ``Cause`` with the offset of the character it is about.

    >>> evaluate("$(channels * 4 / 2)", {"channels": 16})
    32
    >>> evaluate("$size", {"size": [3, 5]})
    [3, 5]
    """
    if reference := _REFERENCE.match(text):
        return _lookup(reference.group(1), names, f"${reference.group(1)}", offset=1)
    if len(text) <= MAX_LENGTH and not text.startswith("$("):
        raise Cause(f"expected `$name` or `$(…)`, found `{short(text)}`", "Arithmetic stands in `$(…)`.")
    parsed = parse(text, _LANGUAGE, start=1, enclosed=True)
    return _Evaluation(parsed, names).value(parsed.tree)


def _lookup(name: str, names: Names, shown: str, offset: int) -> object:
    if name not in names:
        raise Cause(f"`{shown}` is not known here", did_you_mean(name, names), offset=offset)
    return names[name]


class _Evaluation(Walker[Number]):
    """The number that a tree comes to, its names looked up."""

    language = _LANGUAGE

    def __init__(self, parsed: Parsed, names: Names) -> None:
        super().__init__(parsed)
        self.names = names

    def number(self, node: ast.expr, number: Number) -> Number:
        """The number itself, within ±2⁶³."""
        if not abs(number) <= LARGEST:  # nan compares as false
            self.refuse(node, f"{self.shown(node)} is too large a number")
        return number

    def negative(self, node: ast.expr, operand: Number) -> Number:
        """The operand with the other sign: within ±2⁶³ as the operand is."""
        return -operand

    def other(self, node: ast.expr, depth: int) -> Number:
        """The value of a name; it may be beyond ±2⁶³."""
        if not isinstance(node, ast.Name):
            return super().other(node, depth)
        value = _lookup(node.id, self.names, node.id, self.offset(node))
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(node, f"expected a number for `{node.id}`, found {_shown(value)}")
        return value

    def call(self, node: ast.Call, name: str, depth: int) -> Number:
        """As every function, but an error within the values is named before one of the call."""
        operands = self.values(node.args, depth + 1)
        self.check_call(node, name)
        return self.apply(node, name, *operands)

    def apply(self, node: ast.expr, function: str, *operands: Number) -> Number:
        """Python's arithmetic within ±2⁶³; a whole quotient of integers is an integer."""
        try:
            result = _VALUES[function](*operands)
        except ZeroDivisionError:
            self.refuse(node, f"{self.shown(node)} divides by zero")
        except (ValueError, OverflowError):
            self.refuse(node, f"{self.shown(node)} is not a finite real number")
        if isinstance(result, complex):
            self.refuse(node, f"{self.shown(node)} is not a real number")
        if function == "divide" and isinstance(result, int):
            return result  # no further from zero than the dividend
        return self.number(node, result)


def _quotient(left: Number, right: Number) -> Number:
    whole = isinstance(left, int) and isinstance(right, int) and left % right == 0
    return left // right if whole else left / right


def _power(base: Number, exponent: Number) -> Number | complex:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 63:
        return math.inf  # never worked out
    try:
        return base**exponent
    except OverflowError:
        return math.inf


_VALUES: Final[Mapping[str, Callable[..., Number | complex]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": _quotient,
    "power": _power,
    "minimum": min,
    "maximum": max,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
}


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else f"`{short(str(value))}`"

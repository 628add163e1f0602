"""Arithmetic in a spec: ``$name`` and ``$(channels * 4)``.

The text is held to a closed list of words and signs, Python's own ``ast`` parses it, and a walker over a
closed list of nodes evaluates it. Nothing is ever executed.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from builder.errors import Cause, did_you_mean
from builder.language.arithmetic import MAX_DEPTH, MAX_LENGTH, Writing, guard, parseable, short

LARGEST: Final = 1 << 63

Number = int | float
Names = Mapping[str, object]

_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)\Z")
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\w)"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign>\*\*|[-+*/])|(?P<bracket>[(),])"
)
_FUNCTIONS: Final[dict[str, tuple[int, Callable[..., Number]]]] = {
    "minimum": (2, min),
    "maximum": (2, max),
    "abs": (1, abs),
    "sqrt": (1, math.sqrt),
    "exp": (1, math.exp),
    "log": (1, math.log),
}
_ALLOWED: Final = f"Allowed: numbers, names, `+ - * / **`, brackets, `{' '.join(_FUNCTIONS)}`."
_WRITING: Final = Writing(
    called="the arithmetic of a spec",
    token=_TOKEN,
    allowed=_ALLOWED,
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
    if len(text) > MAX_LENGTH:
        raise Cause(f"expected at most {MAX_LENGTH:,} characters of arithmetic, found {len(text):,}")
    if not text.startswith("$("):
        raise Cause(f"expected `$name` or `$(…)`, found `{short(text)}`", "Arithmetic stands in `$(…)`.")
    guard(text, _WRITING, start=1, enclosed=True)
    body = parseable(text[1:])
    try:
        tree = ast.parse(body, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):  # what the guard lets through
        raise Cause(f"expected arithmetic, found `{short(text)}`", _ALLOWED) from None
    return _Walker(names, body).value(tree, 0)


def _lookup(name: str, names: Names, shown: str, offset: int) -> object:
    if name not in names:
        raise Cause(f"`{shown}` is not known here", did_you_mean(name, names), offset=offset)
    return names[name]


class _Walker:
    """Evaluates a parsed tree; anything outside the closed list is refused at its column."""

    def __init__(self, names: Names, body: str) -> None:
        self.names = names
        self.body = body

    def value(self, node: ast.expr, depth: int) -> Number:
        if depth > MAX_DEPTH:
            raise Cause("the expression is nested too deeply", offset=self._offset(node))
        match node:
            case ast.Constant(value=int() | float() as number):
                return self._checked(number, node)
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand, depth + 1)
            case ast.BinOp():
                return self._chain(node, depth)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(node, name, [self.value(a, depth + 1) for a in arguments])
        raise Cause(
            f"`{short(self._text(node))}` is not part of the arithmetic of a spec",
            _ALLOWED,
            offset=self._offset(node),
        )

    def _chain(self, node: ast.BinOp, depth: int) -> Number:
        """A sum or product of many: its left side is a chain, walked without recursion."""
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        result = self.value(chain[-1].left, depth + 1)
        for link in reversed(chain):
            result = self._binary(link, result, link.op, self.value(link.right, depth + 1))
        return result

    def _name(self, name: str, node: ast.expr) -> Number:
        found = _lookup(name, self.names, name, self._offset(node))
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise Cause(f"expected a number for `{name}`, found {_shown(found)}", offset=self._offset(node))
        return found

    def _binary(self, node: ast.expr, left: Number, op: ast.operator, right: Number) -> Number:
        match op:
            case ast.Add():
                return self._checked(left + right, node)
            case ast.Sub():
                return self._checked(left - right, node)
            case ast.Mult():
                return self._checked(left * right, node)
            case ast.Pow():
                return self._power(node, left, right)
        if right == 0:
            raise Cause(f"`{short(self._text(node))}` divides by zero", offset=self._offset(node))
        if isinstance(left, int) and isinstance(right, int) and left % right == 0:
            return left // right
        return self._checked(left / right, node)

    def _power(self, node: ast.expr, base: Number, exponent: Number) -> Number:
        if base == 0 and exponent < 0:
            raise Cause(f"`{short(self._text(node))}` divides by zero", offset=self._offset(node))
        if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 63:
            return self._checked(math.inf, node)  # never worked out
        try:
            result = base**exponent
        except OverflowError:
            result = math.inf
        if isinstance(result, complex):
            raise Cause(f"`{short(self._text(node))}` is not a real number", offset=self._offset(node))
        return self._checked(result, node)

    def _call(self, node: ast.expr, name: str, arguments: list[Number]) -> Number:
        if name not in _FUNCTIONS:
            raise Cause(
                f"there is no function `{name}`", did_you_mean(name, _FUNCTIONS), offset=self._offset(node)
            )
        arity, function = _FUNCTIONS[name]
        if len(arguments) != arity:
            values = "one value" if arity == 1 else f"{arity} values"
            raise Cause(f"`{name}` takes {values}, found {len(arguments)}", offset=self._offset(node))
        try:
            return self._checked(function(*arguments), node)
        except (ValueError, OverflowError):
            raise Cause(
                f"`{short(self._text(node))}` is not a finite real number", offset=self._offset(node)
            ) from None

    def _checked(self, number: Number, node: ast.expr) -> Number:
        if not abs(number) <= LARGEST:  # nan compares as false
            raise Cause(f"`{short(self._text(node))}` is too large a number", offset=self._offset(node))
        return number

    def _text(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.body, node) or self.body

    def _offset(self, node: ast.expr) -> int:
        # ast counts bytes of UTF-8, and the `$` stands before.
        return 1 + len(self.body.encode()[: node.col_offset].decode(errors="replace"))


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else f"`{short(str(value))}`"

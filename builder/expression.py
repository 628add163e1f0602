"""Arithmetic in a spec: ``$name`` and ``$(channels * 4)``.

Python's own ``ast`` parses; a walker over a closed list of nodes evaluates. Nothing is ever executed.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from builder.errors import Cause, did_you_mean

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 64
LARGEST: Final = 1 << 63

Number = int | float
Names = Mapping[str, object]

_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)\Z")
_FUNCTIONS: Final[dict[str, tuple[int, Callable[..., Number]]]] = {
    "minimum": (2, min),
    "maximum": (2, max),
    "abs": (1, abs),
    "sqrt": (1, math.sqrt),
    "exp": (1, math.exp),
    "log": (1, math.log),
}
_SYMBOL: Final[dict[type[ast.AST], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
}  # fmt: skip


def is_expression(text: str) -> bool:
    """Whether a plain value stands for another: ``$name`` or ``$(…)``."""
    return text.startswith("$")


def evaluate(text: str, names: Names) -> object:
    """The value of ``$name`` (anything) or ``$(…)`` (a number).

    Raises ``Cause`` with the offset of the character it is about.

    >>> evaluate("$(channels * 4 / 2)", {"channels": 16})
    32
    >>> evaluate("$size", {"size": [3, 5]})
    [3, 5]
    """
    reference = _REFERENCE.match(text)
    if reference:
        return _lookup(reference.group(1), names, offset=1)
    if not (text.startswith("$(") and text.endswith(")")):
        raise Cause(f"expected `$name` or `$(…)`, found `{_short(text)}`", "Arithmetic stands in `$(…)`.")
    if len(text) > MAX_LENGTH:
        raise Cause(f"the expression has {len(text):,} characters; {MAX_LENGTH:,} are allowed")
    body = text[2:-1]
    try:
        # The brackets let an expression run over a line's end, as YAML may fold it.
        tree = ast.parse(f"({body}\n)", mode="eval").body
    except SyntaxError as error:
        offset = max((error.offset or 1) - 2, 0)
        raise Cause(f"`{_short(text)}` is no arithmetic", _balance(body), offset=2 + offset) from None
    except (RecursionError, MemoryError, ValueError):
        raise Cause(f"`{_short(text)}` is nested too deeply") from None
    return _Walker(names, body).value(tree, 0)


def names_read(text: str) -> frozenset[str]:
    """The names that an expression reads, or none if it cannot be parsed."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", text)) - _FUNCTIONS.keys()


def _lookup(name: str, names: Names, offset: int) -> object:
    if name not in names:
        raise Cause(f"`${name}` is not known here", did_you_mean(name, names), offset=offset)
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
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self._checked(number, node)
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SYMBOL:
                return self._binary(node, self.value(left, depth + 1), op, self.value(right, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return self._call(node, name, [self.value(a, depth + 1) for a in arguments])
        raise Cause(
            f"`{_short(self._text(node))}` is not part of the arithmetic of a spec",
            "Allowed: numbers, names, + - * / **, brackets, " + " ".join(_FUNCTIONS) + ".",
            offset=self._offset(node),
        )

    def _name(self, name: str, node: ast.expr) -> Number:
        found = _lookup(name, self.names, self._offset(node))
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise Cause(f"`{name}` is {found!r}, and arithmetic needs a number", offset=self._offset(node))
        return found

    def _binary(self, node: ast.expr, left: Number, op: ast.operator, right: Number) -> Number:
        if isinstance(op, ast.Div) and right == 0:
            raise Cause(f"`{_short(self._text(node))}` divides by zero", offset=self._offset(node))
        if isinstance(op, ast.Pow):
            return self._power(node, left, right)
        if isinstance(op, ast.Add):
            return self._checked(left + right, node)
        if isinstance(op, ast.Sub):
            return self._checked(left - right, node)
        if isinstance(op, ast.Mult):
            return self._checked(left * right, node)
        if isinstance(left, int) and isinstance(right, int) and left % right == 0:
            return left // right  # a whole quotient of integers is an integer
        return self._checked(left / right, node)

    def _power(self, node: ast.expr, base: Number, exponent: Number) -> Number:
        try:
            if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 63:
                raise OverflowError
            result = base**exponent
        except (OverflowError, ZeroDivisionError):
            result = math.inf
        if isinstance(result, complex):
            raise Cause(f"`{_short(self._text(node))}` is not a real number", offset=self._offset(node))
        return self._checked(result, node)

    def _call(self, node: ast.expr, name: str, arguments: list[Number]) -> Number:
        arity, function = _FUNCTIONS[name]
        if len(arguments) != arity:
            raise Cause(f"`{name}` takes {arity} values, found {len(arguments)}", offset=self._offset(node))
        try:
            return self._checked(function(*arguments), node)
        except (ValueError, OverflowError):
            raise Cause(
                f"`{_short(self._text(node))}` is not a finite real number", offset=self._offset(node)
            ) from None

    def _checked(self, number: Number, node: ast.expr) -> Number:
        if not math.isfinite(number) or abs(number) > LARGEST:
            raise Cause(f"`{_short(self._text(node))}` is too large a number", offset=self._offset(node))
        return number

    def _text(self, node: ast.expr) -> str:
        return ast.get_source_segment(f"({self.body}\n)", node) or self.body

    def _offset(self, node: ast.expr) -> int:
        lines = f"({self.body}\n)".split("\n")
        start = sum(len(line) + 1 for line in lines[: node.lineno - 1])
        prefix = lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="replace")
        return start + len(prefix) + 1  # "$(" instead of "("


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def _balance(body: str) -> str | None:
    difference = body.count("(") - body.count(")")
    if difference > 0:
        return f"{difference} `(` are not closed." if difference > 1 else "A `(` is not closed."
    if difference < 0:
        return "There is a `)` too many."
    return None

"""The closed language of `answers`: `shape(conv2d_2)`, `parameters(conv2d_2) - 16`, `value(edges)[0, 1, 1]`.

Python's own ``ast`` parses; a walker over a closed list of nodes evaluates. Nothing is ever executed. The
text is held against the language when an assignment is read, the names when there is a reference.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from builder.errors import Cause, did_you_mean
from grader.exchange import Array

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 64
LARGEST: Final = 1 << 62

Number = int | float
Value = Number | Array

FUNCTIONS: Final = {
    "shape": "shape(conv2d_2)",
    "parameters": "parameters(conv2d_2)",
    "multiply_adds": "multiply_adds(conv2d_2)",
    "value": "value(conv2d_2)[0, 1, 1]",
    "gradient": "gradient(conv2d_2.weight)[0, 0, 1, 1]",
    "output": "output()[3]",
    "loss": "loss()",
    "hidden": "hidden(memory, 3)",
}
_NAMED: Final = frozenset({"shape", "value", "gradient"})
_NAMELESS: Final = frozenset({"loss"})
_MATHS: Final = {"abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "log": np.log}
_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
}  # fmt: skip


class Facts(Protocol):
    """What an expression may ask of the reference. Each raises ``Cause`` for a name it does not know."""

    def ask(self, function: str, name: str | None) -> Value:
        """The value of `function(name)`; a shape, and what a layer gives, is an array."""

    def hidden(self, layer: str, step: int, state: str | None) -> Value:
        """A recurrent layer's state after so many steps: its output, or another state or gate."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that is part of the language."""

    text: str
    tree: ast.expr

    @property
    def functions(self) -> frozenset[str]:
        """The functions that it calls."""
        return frozenset(
            node.func.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        )

    def evaluate(self, facts: Facts) -> Value:
        """Its value: a whole number, a real number, or an array of either. Raises ``Cause``."""
        with np.errstate(all="ignore"):
            found = _Walker(self.text, facts).value(self.tree, 0)
        finite = np.isfinite(np.asarray(found)).all()
        if not finite:
            raise Cause(f"`{self.text}` is not a finite number")
        return found


def parse(text: str) -> Expression:
    """Reads an expression. Raises ``Cause``, with the offset, for whatever is not part of the language.

    >>> sorted(parse("parameters(conv2d_2) - 16").functions)
    ['parameters']
    """
    if len(text) > MAX_LENGTH:
        raise Cause(f"the expression has {len(text):,} characters; {MAX_LENGTH:,} are allowed")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise Cause(
            f"`{text[:60]}` is no expression", _examples(), offset=max((error.offset or 1) - 1, 0)
        ) from None
    except (RecursionError, MemoryError, ValueError):
        raise Cause(f"`{text[:60]}` is nested too deeply") from None
    _Walker(text, None).value(tree, 0)
    return Expression(text, tree)


def _examples() -> str:
    return "As in `shape(conv2d_2)`, `parameters(conv2d_2) - 16` or `value(edges)[0, 1, 1]`."


class _Walker:
    """Evaluates a tree; without facts, only holds it against the language (every call then is 1)."""

    def __init__(self, text: str, facts: Facts | None) -> None:
        self.text = text
        self.facts = facts

    def value(self, node: ast.expr, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise Cause("the expression is nested too deeply", offset=node.col_offset)
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self._checked(number, node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                inner = self.value(operand, depth + 1)
                return -inner if isinstance(op, ast.USub) else inner
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._binary(node, op, self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.List(elts=items) | ast.Tuple(elts=items) if items:
                return self._list(node, [self.value(item, depth + 1) for item in items])
            case ast.Subscript(value=inside, slice=index):
                return self._entry(node, self.value(inside, depth + 1), index)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(node, name, arguments, depth)
        raise Cause(
            f"`{self._source(node)}` is not part of the language of questions",
            _examples(),
            offset=node.col_offset,
        )

    def _call(self, node: ast.Call, name: str, arguments: list[ast.expr], depth: int) -> Value:
        if name in _MATHS:
            if len(arguments) != 1:
                raise Cause(f"`{name}` takes one value, found {len(arguments)}", offset=node.col_offset)
            inner = self.value(arguments[0], depth + 1)
            if self.facts is None:
                return inner
            applied: Array = _MATHS[name](np.asarray(inner, np.float64))
            return applied if applied.ndim else float(applied)
        if name not in FUNCTIONS:
            raise Cause(
                f"there is no `{name}()` in questions",
                did_you_mean(name, [*FUNCTIONS, *_MATHS]),
                offset=node.col_offset,
            )
        if name == "hidden":
            return self._hidden(node, arguments)
        about = [self._name(argument) for argument in arguments]
        takes = "one name" if name in _NAMED else "nothing" if name in _NAMELESS else "one name or none"
        if len(about) > 1 or (name in _NAMED and not about) or (name in _NAMELESS and about):
            raise Cause(
                f"`{name}()` takes {takes}, found {len(about)}",
                f"As in `{FUNCTIONS[name]}`.",
                offset=node.col_offset,
            )
        if self.facts is None:
            return 1
        return self.facts.ask(name, about[0] if about else None)

    def _hidden(self, node: ast.Call, arguments: list[ast.expr]) -> Value:
        """`hidden(memory, 3)`, or `hidden(memory, 3, c)` for another state."""
        if len(arguments) not in (2, 3):
            raise Cause(
                f"`hidden()` takes a layer, a step and, if it is not the output, a state, found {len(arguments)}",
                "As in `hidden(memory, 3)` or `hidden(memory, 3, c)`: the first step is 1.",
                offset=node.col_offset,
            )
        layer, step = self._name(arguments[0]), arguments[1]
        if not (isinstance(step, ast.Constant) and type(step.value) is int):
            raise Cause(
                f"expected the number of a step, found `{self._source(step)}`",
                "The first step is 1; 0 is before it.",
                offset=step.col_offset,
            )
        state = self._name(arguments[2]) if len(arguments) == 3 else None
        return 1 if self.facts is None else self.facts.hidden(layer, int(step.value), state)

    def _name(self, node: ast.expr) -> str:
        """`conv2d_2`, or `residual_2.conv2d_1.weight`."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._name(node.value)}.{node.attr}"
        raise Cause(
            f"expected a name, found `{self._source(node)}`",
            "As in `shape(conv2d_2)`: names stand without quotes.",
            offset=node.col_offset,
        )

    def _binary(self, node: ast.expr, op: ast.operator, left: Value, right: Value) -> Value:
        if isinstance(left, int) and isinstance(right, int):
            if isinstance(op, ast.Pow) and not (abs(left) <= 1 or abs(right) <= 63):
                raise Cause(f"`{self._source(node)}` is too large a number", offset=node.col_offset)
            if isinstance(op, ast.Add | ast.Sub | ast.Mult) or (isinstance(op, ast.Pow) and right >= 0):
                whole = {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}
                return self._checked(whole[type(op)] if type(op) in whole else left**right, node)
            if isinstance(op, ast.Div) and right != 0 and left % right == 0:
                return left // right  # a whole quotient of whole numbers is whole
        if self.facts is None:
            return 1
        try:
            found = getattr(np, _OPERATORS[type(op)])(*(self._operand(v, op) for v in (left, right)))
        except ValueError:
            raise Cause(
                f"`{self._source(node)}` joins arrays of different shapes", offset=node.col_offset
            ) from None
        array = np.asarray(found)
        return array if array.ndim else self._checked(float(array), node)

    @staticmethod
    def _operand(value: Value, op: ast.operator) -> Array:
        real = isinstance(op, ast.Div | ast.Pow) or isinstance(value, float)
        return np.asarray(value, np.float64) if real else np.asarray(value)

    def _list(self, node: ast.expr, items: list[Value]) -> Value:
        try:
            return np.array(items)
        except ValueError:
            raise Cause(f"`{self._source(node)}` is a ragged list", offset=node.col_offset) from None

    def _entry(self, node: ast.Subscript, inside: Value, index: ast.expr) -> Value:
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        places = [self._place(part) for part in parts]
        if self.facts is None:
            return 1
        array = np.asarray(inside)
        try:
            entry = array[tuple(places)]
        except IndexError:
            raise Cause(
                f"`{self._source(node)}`: there is no such entry in {list(array.shape)}",
                "Entries count from 0, and an example's batch axis is not counted.",
                offset=node.col_offset,
            ) from None
        if isinstance(entry, np.ndarray) and entry.ndim:
            return entry
        return int(entry) if array.dtype.kind in "iu" else float(entry)

    def _place(self, node: ast.expr) -> int | slice:
        match node:
            case ast.Constant(value=int(place)) if not isinstance(place, bool):
                return place
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(place))):
                return -place
            case ast.Slice(lower=None, upper=None, step=None):
                return slice(None)
        raise Cause(
            f"expected a whole number or `:`, found `{self._source(node)}`",
            "As in `value(edges)[0, 1, 1]`.",
            offset=node.col_offset,
        )

    def _checked(self, number: Number, node: ast.expr) -> Number:
        if abs(number) > LARGEST or not math.isfinite(number):
            raise Cause(
                f"`{self._source(node)}` is not a finite number of moderate size", offset=node.col_offset
            )
        return number

    def _source(self, node: ast.expr) -> str:
        return (ast.get_source_segment(self.text.strip(), node) or self.text)[:60]

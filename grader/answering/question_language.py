"""The closed language of `answers`: `shape(conv2d_2)`, `parameters(conv2d_2) - 16`, `value(edges)[0, 1, 1]`.

The text is held against the language when an assignment is read, the names when there is a reference.
"""

from __future__ import annotations

import ast
import math
import operator
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

import numpy as np

from builder.errors import Cause, did_you_mean
from builder.language.arithmetic import MAX_LENGTH, Language, Parsed, Walker
from grader.check import Array

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
_WHOLE: Final = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul}
_EXAMPLES: Final = "As in `shape(conv2d_2)`, `parameters(conv2d_2) - 16` or `value(edges)[0, 1, 1]`."
_LANGUAGE: Final = Language(
    called="the language of questions",
    allowed=_EXAMPLES,
    functions={"abs": 1, "sqrt": 1, "exp": 1, "log": 1},
    flat_sums=False,
)


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
    parsed: Parsed

    @property
    def functions(self) -> frozenset[str]:
        """The functions that it calls."""
        return frozenset(
            node.func.id
            for node in ast.walk(self.parsed.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        )

    def evaluate(self, facts: Facts) -> Value:
        """Its value: a whole number, a real number, or an array of either. Raises ``Cause``."""
        with np.errstate(all="ignore"):
            value = _Evaluation(self.parsed, facts).value(self.parsed.tree)
        if not np.isfinite(np.asarray(value)).all():
            raise Cause(f"`{self.text}` is not a finite number")
        return value


def parse(text: str) -> Expression:
    """Reads an expression. Raises ``Cause``, with the offset, for whatever is not part of the language.

    >>> sorted(parse("parameters(conv2d_2) - 16").functions)
    ['parameters']
    """
    if len(text) > MAX_LENGTH:
        raise Cause(f"the expression has {len(text):,} characters; {MAX_LENGTH:,} are allowed")
    stripped = text.strip()
    try:
        parsed = Parsed(ast.parse(stripped, mode="eval").body, stripped)
    except SyntaxError as error:
        offset = max((error.offset or 1) - 1, 0)
        raise Cause(f"`{text[:60]}` is no expression", _EXAMPLES, offset=offset) from None
    except (RecursionError, MemoryError, ValueError):
        raise Cause(f"`{text[:60]}` is nested too deeply") from None
    _Evaluation(parsed, None).value(parsed.tree)
    return Expression(text, parsed)


class _Evaluation(Walker[Value]):
    """The value of a tree; without facts the tree is only held against the language (every call then is 1)."""

    language = _LANGUAGE

    def __init__(self, parsed: Parsed, facts: Facts | None) -> None:
        super().__init__(parsed)
        self.facts = facts

    def number(self, node: ast.expr, number: Number) -> Number:
        """The number itself, finite and within ±2⁶²."""
        if abs(number) > LARGEST or not math.isfinite(number):
            self.refuse(node, f"{self.shown(node)} is not a finite number of moderate size")
        return number

    def negative(self, node: ast.expr, operand: Value) -> Value:
        """The operand with the other sign, an array's value by value."""
        return -operand

    def other(self, node: ast.expr, depth: int) -> Value:
        """Lists, and entries of arrays."""
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items) if items:
                try:
                    return np.array(self.values(items, depth + 1))
                except ValueError:
                    self.refuse(node, f"{self.shown(node)} is a ragged list")
            case ast.Subscript(value=inside, slice=index):
                return self._entry(node, self.value(inside, depth + 1), index)
        return super().other(node, depth)

    def call(self, node: ast.Call, name: str, depth: int) -> Value:
        """What the facts say of a layer, or a function of numbers."""
        if name not in FUNCTIONS:
            return super().call(node, name, depth)
        if name == "hidden":
            return self._hidden(node, node.args)
        about = [self._name(argument) for argument in node.args]
        takes = "one name" if name in _NAMED else "nothing" if name in _NAMELESS else "one name or none"
        if len(about) > 1 or (name in _NAMED and not about) or (name in _NAMELESS and about):
            self.refuse(node, f"`{name}()` takes {takes}, found {len(about)}", f"As in `{FUNCTIONS[name]}`.")
        if self.facts is None:
            return 1
        return self.facts.ask(name, about[0] if about else None)

    def unknown(self, node: ast.Call, name: str) -> NoReturn:
        """Refuses a function that there is not, with the name that is nearest."""
        hint = did_you_mean(name, [*FUNCTIONS, *self.language.functions])
        self.refuse(node, f"there is no `{name}()` in questions", hint)

    def _hidden(self, node: ast.Call, arguments: list[ast.expr]) -> Value:
        """`hidden(memory, 3)`, or `hidden(memory, 3, c)` for another state."""
        if len(arguments) not in (2, 3):
            takes = "a layer, a step and, if it is not the output, a state"
            hint = "As in `hidden(memory, 3)` or `hidden(memory, 3, c)`: the first step is 1."
            self.refuse(node, f"`hidden()` takes {takes}, found {len(arguments)}", hint)
        layer, step = self._name(arguments[0]), arguments[1]
        if not (isinstance(step, ast.Constant) and type(step.value) is int):
            problem = f"expected the number of a step, found {self.shown(step)}"
            self.refuse(step, problem, "The first step is 1; 0 is before it.")
        state = self._name(arguments[2]) if len(arguments) == 3 else None
        return 1 if self.facts is None else self.facts.hidden(layer, int(step.value), state)

    def _name(self, node: ast.expr) -> str:
        """`conv2d_2`, or `residual_2.conv2d_1.weight`."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._name(node.value)}.{node.attr}"
        hint = "As in `shape(conv2d_2)`: names stand without quotes."
        self.refuse(node, f"expected a name, found {self.shown(node)}", hint)

    def apply(self, node: ast.expr, function: str, *operands: Value) -> Value:
        """NumPy's arithmetic; what whole numbers give stays whole where it can."""
        if len(operands) == 2:
            return self._signed(node, function, *operands)
        (operand,) = operands
        if self.facts is None:
            return operand
        result: Array = getattr(np, function)(np.asarray(operand, np.float64))
        return result if result.ndim else float(result)

    def _signed(self, node: ast.expr, sign: str, left: Value, right: Value) -> Value:
        if isinstance(left, int) and isinstance(right, int):
            if sign == "power" and not (abs(left) <= 1 or abs(right) <= 63):
                self.refuse(node, f"{self.shown(node)} is too large a number")
            if sign in _WHOLE or (sign == "power" and right >= 0):
                return self.number(node, _WHOLE[sign](left, right) if sign in _WHOLE else left**right)
            if sign == "divide" and right != 0 and left % right == 0:
                return left // right  # a whole quotient of whole numbers is whole
        if self.facts is None:
            return 1
        try:
            result = getattr(np, sign)(_array(left, sign), _array(right, sign))
        except ValueError:
            self.refuse(node, f"{self.shown(node)} joins arrays of different shapes")
        array = np.asarray(result)
        return array if array.ndim else self.number(node, float(array))

    def _entry(self, node: ast.Subscript, inside: Value, index: ast.expr) -> Value:
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        places = tuple(self._place(part) for part in parts)
        if self.facts is None:
            return 1
        array = np.asarray(inside)
        try:
            entry = array[places]
        except IndexError:
            hint = "Entries count from 0, and an example's batch axis is not counted."
            self.refuse(node, f"{self.shown(node)}: there is no such entry in {list(array.shape)}", hint)
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
        hint = "As in `value(edges)[0, 1, 1]`."
        self.refuse(node, f"expected a whole number or `:`, found {self.shown(node)}", hint)

    def shown(self, node: ast.expr) -> str:
        """The node as written, over several lines if it is, clipped and in backticks."""
        return f"`{(ast.get_source_segment(self.parsed.text, node) or self.parsed.text)[:60]}`"

    def offset(self, node: ast.expr) -> int:
        """The column in the node's own line, in bytes of UTF-8."""
        return node.col_offset


def _array(value: Value, sign: str) -> Array:
    """A number as an array: real if it is, and for a quotient or a power."""
    real = sign in ("divide", "power") or isinstance(value, float)
    return np.asarray(value, np.float64) if real else np.asarray(value)

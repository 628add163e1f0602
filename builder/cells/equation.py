"""A cell's equation: from its text to a term, by Python's own ``ast`` walked against a closed list.

The text is held to its words, signs and brackets first (``builder.language.arithmetic``). Nothing is ever executed, and
nothing is known here of what the names stand for: that is ``builder.cells.reader``'s.
"""

from __future__ import annotations

import ast
import re
from typing import Final, NoReturn

from builder.cells.constant import rounded, worked_out
from builder.cells.term import FUNCTIONS, Apply, Constant, Name, Project, Term
from builder.errors import Cause, did_you_mean
from builder.language.arithmetic import MAX_DEPTH, MAX_LENGTH, Writing, guard, parseable, short

_NOT_COMPARED: Final = "An equation compares nothing; `minimum` and `maximum` choose between two values."
_BY_VALUE: Final = "Write `*`, which works value by value, or `@` behind a matrix."
_BARE: Final = "Only a gate's parameter has a dot, as in `i.W`; functions stand under their bare name."
_FUNCTIONS: Final = f"the functions {', '.join(FUNCTIONS)}"
_QUOTE: Final = "Write names without quotes."
_LARGEST: Final = "Numbers are float32, of at most 3.4e38."
_SMALLEST: Final = "Numbers are float32: what is below 1e-45 is zero."
_WRITING: Final = Writing(
    called="an equation",
    token=re.compile(
        r"(?P<space>\s+)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\w)"
        r"|(?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)?)(?!\w)"
        r"|(?P<sign>\*\*|[-+*/@])|(?P<bracket>[(),\[\]])"
    ),
    allowed=f"Allowed: numbers, names, `+ - * / @ **`, brackets, and {_FUNCTIONS}.",
    example="As in `W @ x` or `f * c_prev`.",
    instead={
        "^": "Write `**`.",
        "=": "The name stands before the colon: `i: sigmoid(W @ x + b)`.",
        **dict.fromkeys(("==", *"<>!≤≥≠"), _NOT_COMPARED),
        **dict.fromkeys("·⊙∘×∗•", _BY_VALUE),
        **dict.fromkeys("−–—", "Write `-`, the sign of the keyboard."),
        "÷": "Write `/`.",
        "σ": "Write `sigmoid`.",
        ".": _BARE,
        "$": "Constants do not stand in equations; declare a `scalar`, or write the number.",
        "'": _QUOTE,
        '"': _QUOTE,
    },
)
_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}


def is_matrix(name: str) -> bool:
    """Whether the name is a weight matrix's: a capital initial, behind the owner's if that is named.

    >>> is_matrix("W_f"), is_matrix("i.U"), is_matrix("h_prev")
    (True, True, False)
    """
    return name.rpartition(".")[2][0].isupper()


def parse(text: str) -> Term:
    """The term of an equation's right side, its names as written (``Name``; a matrix in ``Project``).

    Raises ``Cause`` with the offset of the character it is about.

    >>> parse("tanh(W @ x)")
    Apply(function='tanh', operands=(Project(matrix='W', operands=(Name(text='x', offset=9),), offset=5),), offset=0)
    """
    if len(text) > MAX_LENGTH:
        raise Cause(f"expected at most {MAX_LENGTH:,} characters of an equation, found {len(text):,}")
    guard(text, _WRITING)
    body = parseable(text)
    indent = len(body) - len(body.lstrip())
    try:
        tree = ast.parse(body[indent:], mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):  # what the guard lets through
        raise Cause(f"expected an equation, found `{short(text)}`", _WRITING.allowed) from None
    return _Walker(body, indent).term(tree, 0)


class _Walker:
    """Makes terms from a parsed tree; anything outside the closed list is refused at its column."""

    def __init__(self, body: str, indent: int) -> None:
        self.body = body
        self.indent = indent
        self._worked_out: dict[Term, float] = {}  # the constant parts that are made of several

    def term(self, node: ast.expr, depth: int) -> Term:
        if depth > MAX_DEPTH:
            self._refuse(
                node, f"more than {MAX_DEPTH} operations inside each other", "Give a part of it to a gate."
            )
        at = self._offset(node)
        match node:
            case ast.Constant(value=int() | float() as value):
                return Constant(self._number(node, value), at)
            case ast.Name() | ast.Attribute():
                name = self._text(node)
                if is_matrix(name):
                    hint = f"Write `{name.lower()}`." if name.endswith("_prev") else "As in `W @ x`."
                    self._refuse(node, f"`{name}` is a weight matrix and stands only left of `@`", hint)
                return Name(name, at)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.term(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.term(operand, depth + 1)
                if isinstance(inner, Constant):
                    return Constant(-inner.value, at)
                return self._apply(node, "negative", inner)
            case ast.BinOp(op=ast.MatMult()):
                return self._product(node, depth)
            case ast.BinOp():
                return self._chain(node, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.List():
                self._refuse(node, "a list stands only right of `@`", "As in `W @ [h_prev, x]`.")
            case ast.Tuple():
                self._refuse(
                    node,
                    "expected one value, found several between commas",
                    "Concatenate: `W @ [h_prev, x]`.",
                )
        self._refuse(node, f"`{short(self._text(node))}` is not part of an equation", _WRITING.allowed)

    def _number(self, node: ast.expr, value: float) -> float:
        try:
            rounded(float(value))
        except OverflowError:
            self._refuse(node, f"`{short(self._text(node))}` is too large a number", _LARGEST)
        return float(value)

    def _chain(self, node: ast.BinOp, depth: int) -> Term:
        """A sum or product of many: its left side is a chain, walked without recursion."""
        chain = [node]
        self._check_values(node)
        while isinstance(left := chain[-1].left, ast.BinOp) and not isinstance(left.op, ast.MatMult):
            self._check_values(left)
            chain.append(left)
        term = self.term(chain[-1].left, depth + 1)
        for link in reversed(chain):
            function = _BINARY.get(type(link.op))
            if function is None:  # the guard lets no other sign through
                self._refuse(
                    link, f"`{short(self._text(link))}` is not part of an equation", _WRITING.allowed
                )
            term = self._apply(link, function, term, self.term(link.right, depth + 1))
        return term

    def _check_values(self, node: ast.BinOp) -> None:
        """No matrix stands beside ``*``."""
        if isinstance(node.op, ast.Mult):
            for matrix, other in ((node.left, node.right), (node.right, node.left)):
                if self._is_matrix(matrix):
                    name = self._text(matrix)
                    hint = f"Write `{name} @ {self._grouped(other)}`."
                    self._refuse(matrix, f"`{name}` is a weight matrix, and `*` works value by value", hint)

    def _apply(self, node: ast.expr, function: str, *operands: Term) -> Apply:
        """A function or sign on its operands. What is constant is worked out, and must be a real number."""
        made = Apply(function, operands, self._offset(node))
        values = [self._value(one) for one in operands]
        shown = f"`{short(self._text(node))}`"
        if function == "divide" and values[1] is not None and not rounded(values[1]):
            self._refuse(node, f"{shown} divides by zero", _SMALLEST if values[1] else None)
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            try:
                found = worked_out(function, known)
            except OverflowError:
                self._refuse(node, f"{shown} is too large a number", _LARGEST)
            except ValueError:
                self._refuse(node, f"{shown} is not a finite real number")
            if found is not None:
                self._worked_out[made] = found
        elif function == "power" and values[0] is not None and values[0] < 0:
            hint = "A power that varies needs a base of at least 0."
            self._refuse(node, f"{shown} is not a real number for every exponent", hint)
        return made

    def _value(self, term: Term) -> float | None:
        """The number that a constant part comes to."""
        return term.value if isinstance(term, Constant) else self._worked_out.get(term)

    def _product(self, node: ast.BinOp, depth: int) -> Term:
        """``M @ v``, ``M @ [v, w]``."""
        left, right = node.left, node.right
        if not self._is_matrix(left):
            self._no_matrix(left, right)
        matrix = self._text(left)
        if isinstance(right, ast.Tuple):
            listed = ", ".join(self._text(one) for one in right.elts)
            self._refuse(
                right, "expected a value or a list", f"Square brackets concatenate: `{matrix} @ [{listed}]`."
            )
        operands = right.elts if isinstance(right, ast.List) else [right]
        for one in operands:
            if self._is_matrix(one):
                self._refuse(
                    one, f"`@` has a vector on its right, and `{self._text(one)}` is a weight matrix"
                )
        return Project(matrix, tuple(self.term(one, depth + 1) for one in operands), self._offset(node))

    def _no_matrix(self, left: ast.expr, right: ast.expr) -> NoReturn:
        """Says what is wrong where no matrix stands left of ``@``."""
        shown = self._text(left)
        problem = f"`{short(shown)}` stands left of `@`, where a weight matrix must stand"
        hint = "A weight matrix has a capital initial, and a vector stands on its right: `W @ x`."
        if self._is_matrix(right):
            hint = f"A matrix stands left: `{self._text(right)} @ {self._grouped(left)}`."
        elif isinstance(left, ast.BinOp) and self._is_matrix(left.right):
            before = shown[: -len(self._text(left.right))].rstrip()
            hint = f"Use brackets: `{before} ({self._text(left.right)} @ {self._grouped(right)})`."
        elif isinstance(left, ast.UnaryOp) and self._is_matrix(left.operand):
            hint = f"Use brackets: `-({self._text(left.operand)} @ {self._grouped(right)})`."
        elif isinstance(left, ast.Name):
            hint = f"A weight matrix has a capital initial: `{shown.capitalize()} @ {self._grouped(right)}`."
        self._refuse(left, problem, hint)

    def _call(self, node: ast.Call, depth: int) -> Term:
        name = self._text(node.func)
        if name not in FUNCTIONS:
            hint = did_you_mean(name, FUNCTIONS) or f"There are {_FUNCTIONS}."
            if isinstance(node.func, ast.Attribute):
                last = node.func.attr
                hint = f"Write `{last}`." if last in FUNCTIONS else did_you_mean(last, FUNCTIONS) or hint
            elif is_matrix(name) and node.args:
                given = ", ".join(self._text(one) for one in node.args)
                vector = f"[{given}]" if len(node.args) > 1 else self._grouped(node.args[0])
                hint = f"A weight matrix multiplies with `@`: `{name} @ {vector}`."
            self._refuse(node, f"there is no function `{short(name)}`", hint)
        wanted = FUNCTIONS[name]
        if len(node.args) != wanted:
            values = "one value" if wanted == 1 else f"{wanted} values"
            self._refuse(node, f"`{name}` takes {values}, found {len(node.args)}")
        return self._apply(node, name, *(self.term(one, depth + 1) for one in node.args))

    def _is_matrix(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name | ast.Attribute) and is_matrix(self._text(node))

    def _grouped(self, node: ast.expr) -> str:
        """The text of an operand, in brackets if it is made of several."""
        text = short(self._text(node))
        return f"({text})" if isinstance(node, ast.BinOp) else text

    def _text(self, node: ast.expr) -> str:
        # The guard lets only ASCII through (and white space, made spaces): bytes are characters.
        return self.body[self._offset(node) : self.indent + (node.end_col_offset or 0)]

    def _offset(self, node: ast.expr) -> int:
        return self.indent + node.col_offset

    def _refuse(self, node: ast.expr, problem: str, hint: str | None = None) -> NoReturn:
        raise Cause(problem, hint, offset=self._offset(node))

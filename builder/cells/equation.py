"""A cell's equation: from its text to a term.

What the names stand for is found in ``builder.cells.names``. The input gate of a peephole LSTM, before its
sigmoid, is a sum of a product with a matrix and a product value by value:

>>> total = parse("W @ x + p * c_prev")
>>> product, peephole = total.operands
>>> product
Project(matrix='W', operands=(Name(text='x', offset=4),), offset=0)
>>> peephole
Apply(function='multiply', operands=(Name(text='p', offset=8), Name(text='c_prev', offset=12)), offset=8)
"""

from __future__ import annotations

import ast
from typing import Final, NoReturn

from builder.cells.constant import rounded, worked_out
from builder.cells.term import FUNCTIONS, Apply, Constant, Name, Project, Term
from builder.errors import did_you_mean
from builder.language import arithmetic
from builder.language.arithmetic import MAX_DEPTH, GuardedLanguage, Parsed, Walker, short, tokens

_NOT_COMPARED: Final = "An equation compares nothing; `minimum` and `maximum` choose between two values."
_BY_VALUE: Final = "Write `*`, which works value by value, or `@` behind a matrix."
_BARE: Final = "Only a gate's parameter has a dot, as in `i.W`; functions stand under their bare name."
_FUNCTIONS: Final = f"the functions {', '.join(FUNCTIONS)}"
_QUOTE: Final = "Write names without quotes."
_LARGEST: Final = "Numbers are float32, of at most 3.4e38."
_SMALLEST: Final = "Numbers are float32: what is below 1e-45 is zero."
_WORD: Final = "[A-Za-z][A-Za-z0-9_]*"
_LANGUAGE: Final = GuardedLanguage(
    called="an equation",
    noun="an equation",
    token=tokens(name=rf"{_WORD}(?:\.{_WORD})?", signs=r"\*\*|[-+*/@]", brackets=r"[(),\[\]]"),
    functions=FUNCTIONS,
    too_deep=(f"more than {MAX_DEPTH} operations inside each other", "Give a part of it to a gate."),
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
    parsed = arithmetic.parse(text, _LANGUAGE)
    return _Reading(parsed).value(parsed.tree)


class _Reading(Walker[Term]):
    """The term that a tree says."""

    language = _LANGUAGE

    def __init__(self, parsed: Parsed) -> None:
        super().__init__(parsed)
        self._worked_out: dict[Term, float] = {}  # the constant parts that are made of several

    def number(self, node: ast.expr, number: int | float) -> Constant:
        """A number within float32."""
        try:
            rounded(float(number))
        except OverflowError:
            self.refuse(node, f"{self.shown(node)} is too large a number", _LARGEST)
        return Constant(float(number), self.offset(node))

    def negative(self, node: ast.expr, operand: Term) -> Term:
        """A number with the other sign stays a number."""
        if isinstance(operand, Constant):
            return Constant(-operand.value, self.offset(node))
        return self.apply(node, "negative", operand)

    def other(self, node: ast.expr, depth: int) -> Term:
        """Names and ``M @ v``; a list or a matrix stands nowhere else."""
        match node:
            case ast.Name() | ast.Attribute():
                name = self.text(node)
                if is_matrix(name):
                    hint = f"Write `{name.lower()}`." if name.endswith("_prev") else "As in `W @ x`."
                    self.refuse(node, f"`{name}` is a weight matrix and stands only left of `@`", hint)
                return Name(name, self.offset(node))
            case ast.BinOp(op=ast.MatMult()):
                return self._product(node, depth)
            case ast.Call():
                self.unknown(node, self.text(node.func))
            case ast.List():
                self.refuse(node, "a list stands only right of `@`", "As in `W @ [h_prev, x]`.")
            case ast.Tuple():
                several = "expected one value, found several between commas"
                self.refuse(node, several, "Concatenate: `W @ [h_prev, x]`.")
        return super().other(node, depth)

    def check_operands(self, node: ast.BinOp) -> None:
        """No matrix stands beside ``*``."""
        if isinstance(node.op, ast.Mult):
            for matrix, other in ((node.left, node.right), (node.right, node.left)):
                if self._is_matrix(matrix):
                    name = self.text(matrix)
                    hint = f"Write `{name} @ {self._grouped(other)}`."
                    self.refuse(matrix, f"`{name}` is a weight matrix, and `*` works value by value", hint)

    def apply(self, node: ast.expr, function: str, *operands: Term) -> Apply:
        """A function or sign on its operands. What is constant is worked out, and must be a real number."""
        term = Apply(function, operands, self.offset(node))
        values = [self._value(operand) for operand in operands]
        if function == "divide" and values[1] is not None and not rounded(values[1]):
            self.refuse(node, f"{self.shown(node)} divides by zero", _SMALLEST if values[1] else None)
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            try:
                result = worked_out(function, known)
            except OverflowError:
                self.refuse(node, f"{self.shown(node)} is too large a number", _LARGEST)
            except ValueError:
                self.refuse(node, f"{self.shown(node)} is not a finite real number")
            if result is not None:
                self._worked_out[term] = result
        elif function == "power" and values[0] is not None and values[0] < 0:
            hint = "A power that varies needs a base of at least 0."
            self.refuse(node, f"{self.shown(node)} is not a real number for every exponent", hint)
        return term

    def unknown(self, node: ast.Call, name: str) -> NoReturn:
        """Refuses a function that there is not: ``torch.tanh``, a matrix called like one, a slip."""
        hint = did_you_mean(name, FUNCTIONS) or f"There are {_FUNCTIONS}."
        if isinstance(node.func, ast.Attribute):
            last = node.func.attr
            hint = f"Write `{last}`." if last in FUNCTIONS else did_you_mean(last, FUNCTIONS) or hint
        elif is_matrix(name) and node.args:
            given = ", ".join(map(self.text, node.args))
            vector = f"[{given}]" if len(node.args) > 1 else self._grouped(node.args[0])
            hint = f"A weight matrix multiplies with `@`: `{name} @ {vector}`."
        self.refuse(node, f"there is no function `{short(name)}`", hint)

    def _value(self, term: Term) -> float | None:
        """The number that a constant part comes to; None for a part that varies."""
        return term.value if isinstance(term, Constant) else self._worked_out.get(term)

    def _product(self, node: ast.BinOp, depth: int) -> Project:
        """``M @ v``, ``M @ [v, w]``."""
        left, right = node.left, node.right
        if not self._is_matrix(left):
            self._no_matrix(left, right)
        matrix = self.text(left)
        if isinstance(right, ast.Tuple):
            listed = ", ".join(map(self.text, right.elts))
            hint = f"Square brackets concatenate: `{matrix} @ [{listed}]`."
            self.refuse(right, "expected a value or a list", hint)
        operands = right.elts if isinstance(right, ast.List) else [right]
        for operand in operands:
            if self._is_matrix(operand):
                problem = f"`@` has a vector on its right, and `{self.text(operand)}` is a weight matrix"
                self.refuse(operand, problem)
        return Project(matrix, tuple(self.values(operands, depth + 1)), self.offset(node))

    def _no_matrix(self, left: ast.expr, right: ast.expr) -> NoReturn:
        """Says what is wrong where no matrix stands left of ``@``."""
        shown = self.text(left)
        hint = "A weight matrix has a capital initial, and a vector stands on its right: `W @ x`."
        if self._is_matrix(right):
            hint = f"A matrix stands left: `{self.text(right)} @ {self._grouped(left)}`."
        elif isinstance(left, ast.BinOp) and self._is_matrix(left.right):
            before = shown[: -len(self.text(left.right))].rstrip()
            hint = f"Use brackets: `{before} ({self.text(left.right)} @ {self._grouped(right)})`."
        elif isinstance(left, ast.UnaryOp) and self._is_matrix(left.operand):
            hint = f"Use brackets: `-({self.text(left.operand)} @ {self._grouped(right)})`."
        elif isinstance(left, ast.Name):
            hint = f"A weight matrix has a capital initial: `{shown.capitalize()} @ {self._grouped(right)}`."
        self.refuse(left, f"{self.shown(left)} stands left of `@`, where a weight matrix must stand", hint)

    def _is_matrix(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name | ast.Attribute) and is_matrix(self.text(node))

    def _grouped(self, node: ast.expr) -> str:
        """The text of an operand, in brackets if it is made of several."""
        text = short(self.text(node))
        return f"({text})" if isinstance(node, ast.BinOp) else text

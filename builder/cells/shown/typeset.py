"""Equations as a lecture writes them: iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i). Torch-free.

A term becomes text with brackets by precedence and no more: what is bracketed shows the order of computing.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import Final, NamedTuple

from builder.cells.cell import Cell, Equation
from builder.cells.term import Apply, Constant, Name, Project, Read, Term, Weight, folded

NOW: Final = "ₜ"
BEFORE: Final = "ₜ₋₁"

# How each function is written, where that is not its name.
FUNCTION_SIGNS: Final = {
    "sigmoid": "σ", "relu": "ReLU", "elu": "ELU", "silu": "SiLU", "gelu": "GELU", "minimum": "min",
    "maximum": "max", "layer_norm": "LayerNorm",
}  # fmt: skip
OPERATOR_SIGNS: Final = {"add": " + ", "subtract": " − ", "divide": " / "}

_GREEK: Final = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho tau phi chi psi omega".split(),
        "αβγδεζηθκλμνξρτφχψω",
        strict=True,
    )
)
_ACCENTS: Final = {"tilde": "\u0303", "hat": "\u0302", "bar": "\u0304"}
_SUBSCRIPTS: Final = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Binding(IntEnum):
    """How tightly the outermost sign of a text binds what stands beside it."""

    SUM = 1
    PRODUCT = 2
    NEGATIVE = 3
    PROJECTION = 4
    POWER = 5
    ATOM = 6


class _Written(NamedTuple):
    """A term as text, how tightly that binds, and whether its value is a single number."""

    text: str
    binding: Binding
    number: bool = False

    def within(self, least: Binding, *, last: bool = False) -> str:
        """The text, bracketed if it binds less tightly than ``least``; a sign is never ``last``."""
        bracketed = self.binding < least or (last and self.text.startswith("−"))
        return f"({self.text})" if bracketed else self.text


def typeset(cell: Cell) -> tuple[str, ...]:
    """Every equation of a cell as one line, in the order of computing."""
    writer = Typesetter(cell)
    return tuple(map(writer.equation, cell.equations))


def value(name: str, *, previous: bool = False) -> str:
    """A value with its time as a subscript.

    >>> value("h"), value("c", previous=True), value("h_tilde"), value("i_0")
    ('hₜ', 'cₜ₋₁', 'h̃ₜ', 'i_0ₜ')
    """
    return _letter(name) + (BEFORE if previous else NOW)


class Typesetter:
    """Writes the terms of one cell.

    A parameter is written by its own name; the gate that owns it is a subscript where other gates own one of
    the same name: ``i.W`` is W_i in an LSTM, and ``h.W`` is W in a cell without gates. Subscripts are small
    letters if Unicode has all that the cell needs, else they follow an underscore, all of them.
    """

    def __init__(self, cell: Cell) -> None:
        self._scalars = {name for name, parameter in cell.parameters.items() if parameter.kind == "scalar"}
        owners = Counter(name.partition(".")[2] for name in cell.parameters)
        self._subscripts = {name: _parted(name, owners) for name in cell.parameters}
        self._small = all(_can_be_small(below) for _, below in self._subscripts.values())

    def parameter(self, name: str) -> str:
        """A parameter's full name ``i.W`` as the lecture writes it."""
        letter, below = self._subscripts.get(name, (name, ""))
        if not below:
            return letter
        if self._small:
            return letter + below.translate(_SUBSCRIPTS)
        return f"{letter}_{{{below}}}" if "," in below else f"{letter}_{below}"

    def equation(self, equation: Equation) -> str:
        """The equation as one line."""
        return f"{value(equation.name)} = {self.text(equation.term)}"

    def text(self, term: Term) -> str:
        """The term as text."""
        return folded(term, self._write).text

    def _write(self, term: Term, operands: tuple[_Written, ...]) -> _Written:
        match term:
            case Constant(number):
                return _Written(_number(number), Binding.NEGATIVE if number < 0 else Binding.ATOM, True)
            case Name(text):
                return _Written(text, Binding.ATOM)
            case Read(name, previous):
                return _Written(value(name, previous=previous), Binding.ATOM)
            case Weight(name):
                return _Written(self.parameter(name), Binding.ATOM, name in self._scalars)
            case Project(matrix):
                listed = "; ".join(operand.text for operand in operands)
                vector = operands[0].within(Binding.POWER) if len(operands) == 1 else f"[{listed}]"
                return _Written(f"{self.parameter(matrix)} {vector}", Binding.PROJECTION)
        text, binding = _applied(term, operands)
        number = term.function != "layer_norm" and all(operand.number for operand in operands)
        return _Written(text, binding, number)


def _applied(term: Apply, operands: tuple[_Written, ...]) -> tuple[str, Binding]:
    """A function or sign on what its operands are written as, and how tightly it binds."""
    match term.function, operands:
        case "add" | "subtract" as sign, (left, right):
            after = right.within(Binding.PRODUCT, last=True)
            return left.within(Binding.SUM) + OPERATOR_SIGNS[sign] + after, Binding.SUM
        case "multiply" | "divide" as sign, (left, right):
            after = right.within(Binding.PROJECTION, last=True)
            # `·` where one side is a single number, `⊙` between vectors
            times = OPERATOR_SIGNS.get(sign, "·" if left.number or right.number else " ⊙ ")
            return left.within(Binding.PRODUCT) + times + after, Binding.PRODUCT
        case "negative", (operand,):
            return f"−{operand.within(Binding.PROJECTION)}", Binding.NEGATIVE
        case "power", (base, exponent):
            match term.operands[1]:
                case Constant(number) if number.is_integer():
                    raised = str(int(number)).translate(_SUPERSCRIPTS)
                    return base.within(Binding.ATOM) + raised, Binding.POWER
            return f"{base.within(Binding.ATOM)}^({exponent.text})", Binding.POWER
        case "abs", (operand,):
            return f"|{operand.text}|", Binding.ATOM
        case "sqrt", (operand,):
            return f"√{operand.within(Binding.ATOM)}", Binding.POWER
        case "identity", (operand,):
            return operand.text, operand.binding
    listed = ", ".join(operand.text for operand in operands)
    return f"{FUNCTION_SIGNS.get(term.function, term.function)}({listed})", Binding.ATOM


def _parted(name: str, owners: Counter[str]) -> tuple[str, str]:
    """A parameter's letter and its subscript, perhaps empty: ``i.W`` → W, i; ``f.W_f`` → W, f."""
    owner, _, own = name.partition(".")
    letter, _, below = own.partition("_")
    if owners[own] > 1:
        below = f"{below},{owner}" if below else owner
    return _letter(letter), below


def _can_be_small(text: str) -> bool:
    return all(ord(c) in _SUBSCRIPTS for c in text)


def _letter(name: str) -> str:
    """A name as mathematics writes it: α for ``alpha``, h̃ for ``h_tilde``."""
    letter, _, accent = name.rpartition("_")
    if len(letter) == 1 and accent in _ACCENTS:
        return letter + _ACCENTS[accent]
    return _GREEK.get(name, name)


def _number(number: float) -> str:
    return repr(number).removesuffix(".0").replace("-", "−")

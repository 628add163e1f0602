"""The names in a cell: which may be given, and what each stands for in an equation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from builder.cells.cell import Kind
from builder.cells.equation import is_matrix
from builder.cells.term import FUNCTIONS, Name, Project, Read, Term, Weight, parts, rewritten
from builder.errors import Cause, did_you_mean, nearest
from builder.language.names import check_name

PREVIOUS: Final = "_prev"
_STACKED: Final = re.compile(r"l[0-9]+(_reverse)?\Z")
# What ``builder.runtime.cells.module.CellModule`` has beside every module's attributes: a gate would hide it.
_TAKEN: Final = frozenset({"way", "reason", "unroll", "state_names"})


def is_bias(name: str) -> bool:
    """Whether a name is a bias, which needs no declaration: ``b`` and ``b_…``."""
    return name == "b" or name.startswith("b_")


def check_equation_name(name: object) -> str:
    """The name, if a gate or state may be called so. Raises ``Cause`` with the reason."""
    if isinstance(name, str) and name[:1].isupper() and name.isidentifier():
        raise Cause(
            f"`{name}` has a capital initial, as weight matrices alone have",
            f"Write `{name[0].lower()}{name[1:]}`.",
        )
    equation = _checked(name)
    if is_bias(equation):
        raise Cause(f"`{equation}` is a bias in every equation", "Give the gate or state another name.")
    if equation in _TAKEN:
        raise Cause(
            f"`{equation}` is what a cell's module has already", "Give the gate or state another name."
        )
    if _STACKED.match(equation):
        raise Cause(f"`{equation}` is what the layers of a stack are called", "Give it another name.")
    return equation


def check_parameter_name(name: object) -> str:
    """The name, if a declared vector or scalar may be called so. Raises ``Cause`` with the reason."""
    if isinstance(name, str) and (is_bias(name) or (name[:1].isupper() and name.isidentifier())):
        kind = "a bias" if is_bias(name) else "a weight matrix, having a capital initial,"
        raise Cause(f"`{name}` is {kind} and needs no declaration", "Remove it from `parameters`.")
    parameter = _checked(name)
    if parameter == "initial":
        raise Cause("`initial` is what learned first states are called", "Give it another name.")
    return parameter


def _checked(name: object) -> str:
    checked = check_name(name)
    if checked == "x":
        raise Cause("`x` is the layer's input at this step", "Give it another name.")
    if checked.endswith(PREVIOUS):
        base = checked.removesuffix(PREVIOUS)
        raise Cause(
            f"`{checked}` means the value of `{base}` one step before", "Give it a name without `_prev`."
        )
    if checked in FUNCTIONS:
        raise Cause(f"`{checked}` is a function of the equations", "Give it another name.")
    return checked


class Names:
    """What the names in one cell's equations stand for.

    ``equations`` are the gates and states with their terms as parsed, None where a term is not known;
    ``declared`` are the cell's own vectors and scalars.
    """

    def __init__(self, equations: Mapping[str, Term | None], declared: Mapping[str, Kind]) -> None:
        self._equations = equations
        self._declared = declared
        self._owned = {name: self._owned_by(name, term) for name, term in equations.items()}

    def kind(self, parameter: str) -> Kind:
        """The kind of a parameter under its full name."""
        own = parameter.rpartition(".")[2]
        if is_matrix(own):
            return "matrix"
        return "bias" if is_bias(own) else self._declared[own]

    def parameters(self) -> list[str]:
        """Every parameter's full name, in the order of the equations and of reading."""
        return [f"{owner}.{name}" for owner, owned in self._owned.items() for name in owned]

    def resolved(self, owner: str, term: Term) -> tuple[Term, list[Cause]]:
        """The term of ``owner``'s equation with its names as what they stand for, and what is wrong."""
        causes: list[Cause] = []

        def change(part: Term) -> Term:
            try:
                match part:
                    case Name(text, offset):
                        return self._value(text, owner, offset)
                    case Project(matrix, operands, offset):
                        return Project(self._parameter(matrix, owner, offset), operands, offset)
            except Cause as cause:
                causes.append(cause)
            return part

        return rewritten(term, change), causes

    def _owned_by(self, owner: str, term: Term | None) -> tuple[str, ...]:
        """The own names of the parameters that an equation reads first, in that order."""
        texts: Iterable[str] = (
            part.matrix if isinstance(part, Project) else part.text
            for part in (parts(term) if term is not None else ())
            if isinstance(part, Project | Name)
        )
        own = (text.removeprefix(f"{owner}.") for text in texts)
        return tuple(dict.fromkeys(name for name in own if "." not in name and self._is_parameter(name)))

    def _is_parameter(self, name: str) -> bool:
        return name not in self._equations and (is_matrix(name) or is_bias(name) or name in self._declared)

    def _value(self, text: str, owner: str, offset: int) -> Term:
        before = text.removesuffix(PREVIOUS)
        if text == "x" or text in self._equations:
            return Read(text, offset=offset)
        if before != text and before in self._equations:
            return Read(before, previous=True, offset=offset)
        if "." in text or self._is_parameter(text):
            return Weight(self._parameter(text, owner, offset), offset)
        if text == "x_prev":
            hint = "A gate carries it: `last: identity(x)`, then `last_prev`."
            raise Cause("the input of the step before is not kept", hint, offset=offset)
        if text in FUNCTIONS:
            raise Cause(f"`{text}` is a function", f"Write `{text}(…)`.", offset=offset)
        if before != text:
            problem = f"there is no gate or state `{before}`, so no `{text}`"
            raise Cause(problem, did_you_mean(before, self._equations), offset=offset)
        earlier = (name + PREVIOUS for name in self._equations)
        close = nearest(text, ["x", *self._equations, *self._declared, *earlier])
        declare = f"Declare what is trained: `parameters: {{{text}: vector}}`."
        hint = f"Did you mean `{close}`?" if close else declare
        raise Cause(f"there is no gate, state or parameter `{text}`", hint, offset=offset)

    def _parameter(self, text: str, owner: str, offset: int) -> str:
        """The full name of a parameter that ``owner``'s equation calls ``text``."""
        if "." not in text:
            return f"{owner}.{text}"
        other, _, own = text.partition(".")
        if other not in self._equations:
            problem = f"`{other}` owns no parameters: gates and states do"
            raise Cause(problem, did_you_mean(other, self._equations), offset=offset)
        if self._equations[other] is not None and own not in self._owned[other]:
            raise Cause(
                f"`{other}` has no parameter `{own}`", did_you_mean(own, self._owned[other]), offset=offset
            )
        return text

"""How wide each value of a cell is: ``x`` is as wide as the input, everything else as the hidden state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from builder.cell import Kind, Width
from builder.errors import Cause
from builder.term import Apply, Project, Read, Term, Weight

# "any" is a number, which fits everywhere.
Found = Width | Literal["any"]


class Widths:
    """Finds the columns of every matrix, and where ``x`` meets hidden values outside of one.

    ``columns`` are keyed by the matrix's full name. ``kind`` gives a parameter's kind.
    """

    def __init__(self, kind: Callable[[str], Kind]) -> None:
        self.columns: dict[str, tuple[Width, ...]] = {}
        self._kind = kind
        self._elementwise: int | None = None

    def measure(self, term: Term) -> int | None:
        """Goes over an equation; the offset at which it needs ``x`` to be as wide as the state, if it does.

        Raises ``Cause`` where widths do not fit.
        """
        self._elementwise = None
        if self._width(term) == "input":  # a gate or state is hidden_size wide
            self._note(term)
        return self._elementwise

    def _width(self, term: Term) -> Found:
        match term:
            case Read(name=name, previous=previous):
                return "input" if name == "x" and not previous else "hidden"
            case Weight(name=name):
                return "any" if self._kind(name) == "scalar" else "hidden"
            case Project():
                self._project(term)
                return "hidden"
            case Apply(function=function, operands=operands, offset=offset):
                widths = [self._width(one) for one in operands]
                if function == "layer_norm" and widths == ["any"]:
                    raise Cause(
                        "`layer_norm` works along the hidden axis, and a number has none", offset=offset
                    )
                if "input" in widths and "hidden" in widths:
                    self._note(operands[widths.index("input")])
                    return "hidden"
                return next((width for width in widths if width != "any"), "any")
        return "any"

    def _project(self, term: Project) -> None:
        columns: list[Width] = []
        for one in term.operands:
            width = self._width(one)
            if width == "any":
                hint = "Right of `@` stands a vector; a number is multiplied with `*`."
                raise Cause(f"`{term.matrix}` multiplies a number", hint, offset=one.offset)
            columns.append(width)
        before = self.columns.setdefault(term.matrix, tuple(columns))
        if before != tuple(columns):
            raise Cause(
                f"`{term.matrix}` has {_sizes(before)} columns elsewhere, and {_sizes(tuple(columns))} here",
                "Give each its own matrix: `W @ x + U @ h_prev`.",
                offset=term.offset,
            )

    def _note(self, term: Term) -> None:
        """Remembers the first place where ``x`` stands beside hidden values."""
        while isinstance(term, Apply):  # down to `x` itself
            term = next(one for one in term.operands if self._width(one) == "input")
        if self._elementwise is None:
            self._elementwise = term.offset


def _sizes(columns: tuple[Width, ...]) -> str:
    return " + ".join(f"{width}_size" for width in columns)

"""How wide each value of a cell is: ``x`` is as wide as the input, everything else as the hidden state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from builder.cells.cell import Kind, Width
from builder.cells.term import Apply, Project, Read, Term, Weight, folded
from builder.errors import Cause

# "any" is a number, which fits everywhere.
Found = Width | Literal["any"]


class _Wide(NamedTuple):
    """A width, and for that of the input the offset of the ``x`` it comes from."""

    width: Found
    x: int = 0


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
        whole = folded(term, self._wide)
        if whole.width == "input":  # a gate or state is hidden_size wide
            self._note(whole)
        return self._elementwise

    def _wide(self, term: Term, operands: tuple[_Wide, ...]) -> _Wide:
        match term:
            case Read(name=name, previous=previous, offset=offset):
                return _Wide("input", offset) if name == "x" and not previous else _Wide("hidden")
            case Weight(name=name):
                return _Wide("any" if self._kind(name) == "scalar" else "hidden")
            case Project():
                self._project(term, [operand.width for operand in operands])
                return _Wide("hidden")
            case Apply(function=function, offset=offset):
                widths = [operand.width for operand in operands]
                if function == "layer_norm" and widths == ["any"]:
                    raise Cause(
                        "`layer_norm` works along the hidden axis, and a number has none", offset=offset
                    )
                if "input" in widths and "hidden" in widths:
                    self._note(operands[widths.index("input")])
                    return _Wide("hidden")
                return next((operand for operand in operands if operand.width != "any"), _Wide("any"))
        return _Wide("any")

    def _project(self, term: Project, widths: list[Found]) -> None:
        columns: list[Width] = []
        for operand, width in zip(term.operands, widths, strict=True):
            if width == "any":
                hint = "Right of `@` stands a vector; a number is multiplied with `*`."
                raise Cause(f"`{term.matrix}` multiplies a number", hint, offset=operand.offset)
            columns.append(width)
        before = self.columns.setdefault(term.matrix, tuple(columns))
        if before != tuple(columns):
            raise Cause(
                f"`{term.matrix}` has {_sizes(before)} columns elsewhere, and {_sizes(tuple(columns))} here",
                "Give each its own matrix: `W @ x + U @ h_prev`.",
                offset=term.offset,
            )

    def _note(self, wide: _Wide) -> None:
        """Remembers the first place where ``x`` stands beside hidden values."""
        if self._elementwise is None:
            self._elementwise = wide.x


def _sizes(columns: tuple[Width, ...]) -> str:
    return " + ".join(f"{width}_size" for width in columns)

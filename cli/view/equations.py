"""The equations of a cell on a terminal."""

from __future__ import annotations

from typing import Final

from cli.view import render

_TIE: Final = "\u00a0"  # a space where no line may end


def equation_lines(equation: str) -> list[render.Line]:
    """An equation within the width; a long one goes on, indented, before a plus."""
    bound = equation.replace(" ", _TIE).replace(f"{_TIE}+{_TIE}", f" +{_TIE}")
    (*head, first), *rest = render.wrapped(bound, "  ")
    if rest:
        left = " ".join(text for line in rest for style, text in line[1:])
        rest = render.wrapped(left, " " * 7)
    return [
        tuple((style, text.replace(_TIE, " ")) for style, text in line) for line in [(*head, first), *rest]
    ]

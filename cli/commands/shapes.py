"""The command `shapes`: every layer's shape with the arithmetic, without torch."""

from __future__ import annotations

from typing import Final

from cli.options import AsJson, Sets, Spec
from cli.view import render
from cli.view.answers import answers
from cli.view.shapes import spec_data, spec_lines

ORDER: Final = 20


def shapes(spec: Spec, sets: Sets = None, as_json: AsJson = False) -> None:
    """Print every layer's output shape and parameters, with the arithmetic that gives them.

    What a lecturer would write on the board: ⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28. Then the totals:
    parameters, multiply-adds of one example, and memory. Torch is never loaded.

    \b
        gradspec shapes model.yaml
        gradspec shapes model.yaml --set input=[3,32,32]
    """
    from builder import load

    with answers(as_json):
        read = load(spec, sets or ())
    if as_json:
        render.show_json(render.as_json(None, read.advice) | spec_data(read))
        return
    render.show(spec_lines(read))
    if read.holes:
        render.show([render.holes(read.holes)])

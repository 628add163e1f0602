"""The command `evaluate`: the loss and the metrics of a run on one part of its data."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cli.options import AsJson, RunFolder
from cli.view import render
from cli.view.answers import answers

ORDER: Final = 60


def evaluate(
    run: RunFolder,
    split: Annotated[
        str, typer.Option("--split", metavar="PART", help="train, validation or test.")
    ] = "test",
    as_json: AsJson = False,
) -> None:
    """Print the loss and the metrics of a run's weights on one part of its data.

    \b
        gradspec evaluate run
        gradspec evaluate run --split validation --json
    """
    with answers(as_json):
        from builder.runtime import evaluate as measure
        from builder.runtime import load_run

        figures = measure(load_run(run), split)
    if as_json:
        render.show_json({"errors": [], "advice": [], "split": split, "figures": figures})
        return
    render.show(figure_lines(figures))


def figure_lines(figures: dict[str, float]) -> list[render.Line]:
    """Figures under their names."""
    wide = max(map(len, figures), default=0)
    return [(("", f"{name:<{wide}}  "), ("place", f"{value:.4f}")) for name, value in figures.items()]

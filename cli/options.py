"""The arguments that several commands share, and what `--json` makes of an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from builder.errors import GradspecError
from cli import render

Spec = Annotated[Path, typer.Argument(metavar="SPEC", exists=True, help="A model spec.")]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", exists=True, file_okay=False, help="A folder that `train` wrote.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one value; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a program to read.")]


@contextmanager
def answers(as_json: bool) -> Iterator[None]:
    """With ``--json``, errors are answered as data too; without, they go their way to ``main``."""
    try:
        yield
    except GradspecError as error:
        if not as_json:
            raise
        render.show_json(render.as_json(error))
        raise typer.Exit(1) from None

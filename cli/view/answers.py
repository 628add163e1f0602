"""What `--json` makes of an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from builder.errors import GradspecError
from cli.exits import WRONG_INPUT
from cli.view import render


@contextmanager
def answers(as_json: bool) -> Iterator[None]:
    """With ``--json``, an error is printed as data, and the exit code is 1; without, it is raised on to ``main``."""
    try:
        yield
    except GradspecError as error:
        if not as_json:
            raise
        render.show_json(render.as_json(error))
        raise typer.Exit(WRONG_INPUT) from None

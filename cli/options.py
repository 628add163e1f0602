"""The arguments that several commands share, checked as they are read."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from builder.errors import Cause

LARGEST_SEED: Final = 2**63 - 1  # torch's generators take 64 bits


def folder_to_write(out: Path) -> Path:
    """``out``, if a folder can be written there. Raises ``typer.BadParameter``, before any work is done."""
    there = next(path for path in (out, *out.parents) if path.exists())
    if not there.is_dir():
        kind = "a file" if there.is_file() else "no folder"
        raise typer.BadParameter(f"`{there}` is {kind}, and a folder is to be written.")
    if not os.access(there, os.W_OK):
        raise typer.BadParameter(f"`{there}` cannot be written to.")
    return out


def finite(value: float) -> float:
    """``value``, if it is a finite number. Raises ``typer.BadParameter``."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not finite.")
    return value


def _sets(sets: list[str] | None) -> list[str] | None:
    """``sets``, if each is ``KEY=VALUE``. Raises ``typer.BadParameter``; whether a spec has the key is not checked."""
    from builder.language.overrides import parse

    for text in sets or ():
        try:
            parse(text)
        except Cause as cause:
            raise typer.BadParameter(". ".join(filter(None, (cause.problem, cause.hint)))) from None
    return sets


Spec = Annotated[Path, typer.Argument(metavar="SPEC", exists=True, help="A model spec.")]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", exists=True, file_okay=False, help="A folder that `train` wrote.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one value; may be repeated.", callback=_sets),
]
Out = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="The folder to write: new or empty.", callback=folder_to_write),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a program to read.")]

Assignment = Annotated[
    Path, typer.Argument(metavar="ASSIGNMENT", exists=True, dir_okay=False, help="An assignment.yaml.")
]

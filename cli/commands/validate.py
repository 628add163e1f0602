"""The command `validate`: everything that is wrong with a spec, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.exits import WRONG_INPUT
from cli.options import AsJson, Sets
from cli.view.verdict import judge

ORDER: Final = 10


def validate(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", exists=True, help="Specs to check.")],
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with a spec, or an assignment, all at once.

    Each error names its line and column, what was expected, what was found and, where there is one, the
    nearest right spelling. Advice fails nothing. Torch is never loaded.

    \b
        gradspec validate model.yaml
        gradspec validate models/*.yaml --json
        gradspec validate model.yaml --set layers[0].Conv2d.out_channels=8
    """
    if not judge(specs, sets or (), as_json=as_json):
        raise typer.Exit(WRONG_INPUT)

"""The command `check`: a student's own folder against the public checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.exits import OUR_FAULT, WRONG_INPUT
from cli.options import AsJson, Assignment
from cli.view import render
from cli.view.answers import answers
from cli.view.tables import check_lines

ORDER: Final = 140


def check(
    assignment: Assignment,
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", exists=True, file_okay=False, help="Your submission.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Check your own submission before you hand it in.

    Runs the assignment's public checks, those that need neither the reference nor hidden data, and says which
    others there will be. The exit code is 0 if all passed.

    \b
        gradspec check assignment.yaml my-submission
    """
    with answers(as_json):
        from grader.marking.at_home import check_folder

        result = check_folder(assignment, folder)
    checks = [checked.to_json() for checked in result.checks]
    elsewhere = [checked.name for checked in result.elsewhere]
    if as_json:
        render.show_json({"errors": [], "advice": [], "checks": checks, "elsewhere": elsewhere})
    else:
        render.show(check_lines(checks))
        if elsewhere:
            text = f"Judged after you hand it in: {', '.join(elsewhere)}."
            render.show(render.wrapped(text, style="hint"))
    outcomes = {checked["outcome"] for checked in checks}
    if outcomes - {"passed"}:
        raise typer.Exit(OUR_FAULT if "broken" in outcomes else WRONG_INPUT)

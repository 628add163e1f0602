"""The command `grade`: a class's submissions to grades and feedback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.exits import OUR_FAULT
from cli.options import AsJson, Assignment, folder_to_write
from cli.view import progress, render
from cli.view.answers import answers
from cli.view.tables import class_lines
from cli.view.written import wrote

ORDER: Final = 130


def grade(
    assignment: Assignment,
    submissions: Annotated[
        Path,
        typer.Argument(
            metavar="SUBMISSIONS", exists=True, file_okay=False, help="A folder with one folder per student."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where the grades go.", callback=folder_to_write),
    ],
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="How many at once; absent: one per processor.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Grade a class: every folder in SUBMISSIONS is one student's.

    Each submission is judged in a process of its own and can neither see nor stop another. DIR gets
    `grades.csv`, `results.json` and a feedback page per student. The exit code is 0 whatever the students
    got, and 3 if something could not be judged: then a person must look.

    \b
        gradspec grade assignment.yaml submissions --out grades
    """
    with answers(as_json):
        from grader import grade as grade_class

        with progress.grading() as watch:
            result = grade_class(assignment, submissions, out, watch=watch, jobs=jobs)
    if as_json:
        render.show_json({"errors": [], "advice": []} | result.to_json())
    else:
        render.show(class_lines(result.to_json()))
        if result.ignored:
            render.show([(("hint", f"Not folders, and ignored: {', '.join(result.ignored)}."),)])
        render.show([wrote(out)])
    if result.broken:
        raise typer.Exit(OUR_FAULT)

"""Commands that judge: `grade` for a class, `check` for a student's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.commands.train import wrote
from cli.options import AsJson, answers, folder_to_write
from cli.view import progress, render
from cli.view.tables import check_lines, class_lines

Assignment = Annotated[
    Path, typer.Argument(metavar="ASSIGNMENT", exists=True, dir_okay=False, help="An assignment.yaml.")
]
OUR_FAULT: Final = 3


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
    checks = [one.to_json() for one in result.checks]
    elsewhere = [one.name for one in result.elsewhere]
    if as_json:
        render.show_json({"errors": [], "advice": [], "checks": checks, "elsewhere": elsewhere})
    else:
        render.show(check_lines(checks))
        if elsewhere:
            text = f"Judged after you hand it in: {', '.join(elsewhere)}."
            render.show(render.wrapped(text, style="hint"))
    outcomes = {one["outcome"] for one in checks}
    if outcomes - {"passed"}:
        raise typer.Exit(OUR_FAULT if "broken" in outcomes else 1)

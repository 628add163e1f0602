"""CSV: one row for each submission, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Final, final

from builder.component import Accepted
from grader.results.formats.output_format import Files, OutputFormat
from grader.results.result import ClassResult, plain_text

# A spreadsheet takes a cell that starts with one of these for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@final
class CSV(OutputFormat):
    """`grades.csv`: for each submission its points and those of each check; empty where not judged."""

    accepts = (Accepted(""),)

    def class_files(self, result: ClassResult) -> Files:
        """``grades.csv``."""
        return {"grades.csv": grades(result)}


def grades(result: ClassResult) -> str:
    """``grades.csv``: for each submission its points and those of each check; empty where not judged."""
    names = [planned.name for planned in result.assignment.checks]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([cell(name) for name in ("id", "points", "of", *names)])
    for submission in result.submissions:
        points = (plain_text(check.points) for check in submission.checks)
        writer.writerow(
            [cell(submission.id), plain_text(submission.points), plain_text(submission.of), *points]
        )
    return text.getvalue()


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> cell("=HYPERLINK(1)"), cell("Ada, L.")
    ("'=HYPERLINK(1)", 'Ada, L.')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text

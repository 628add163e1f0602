"""Writes what a class got: `results.json` and `grades.csv` for the lecturer, a page for each student."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from builder.errors import RunError
from grader.assignment.assignment import Assignment
from grader.outcome import Blocked, Broken, Failed, Passed, name_of
from grader.results.result import CheckResult, ClassResult, SubmissionResult

# A spreadsheet takes a cell that starts with one of these for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_WORDS: Final = {"passed": "Passed", "failed": "Failed", "blocked": "Blocked", "broken": "Not judged yet"}
_LONGEST_NAME: Final = 200


def write_reports(result: ClassResult, out: Path) -> None:
    """Writes ``results.json``, ``grades.csv``, ``feedback/ID.html`` and, where a worker wrote to stderr,
    ``logs/ID.txt`` into ``out``.

    A student's page that cannot be written stops no other; ``RunError`` then names it, after all the rest is
    written.
    """
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    _write(out / "grades.csv", grades(result))
    _write(out / "results.json", json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n")
    failed: list[str] = []
    for one in result.submissions:
        try:
            _write_student(result.assignment, one, out)
        except Exception as error:  # whatever it is, the others have their pages
            failed.append(f"{one.id}: {type(error).__name__}: {error}")
    if failed:
        raise RunError(
            f"the pages of {len(failed)} of {len(result.submissions)} submissions could not be written",
            "\n".join(["Everything else is written.", *failed]),
        )


def _write_student(assignment: Assignment, one: SubmissionResult, out: Path) -> None:
    name = file_name(one.id)
    if one.log:
        (out / "logs").mkdir(exist_ok=True)
        _write(out / "logs" / f"{name}.txt", one.log)
    _write(out / "feedback" / f"{name}.html", page(assignment, one))


def grades(result: ClassResult) -> str:
    """``grades.csv``: for each submission its points and those of each check; empty where not judged."""
    names = [planned.name for planned in result.assignment.checks]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([cell(name) for name in ("id", "points", "of", *names)])
    for one in result.submissions:
        points = (_plain(check.points) for check in one.checks)
        writer.writerow([cell(one.id), _plain(one.points), _plain(one.of), *points])
    return text.getvalue()


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> cell("=HYPERLINK(1)"), cell("Ada, L.")
    ("'=HYPERLINK(1)", 'Ada, L.')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


@dataclass(frozen=True, slots=True)
class Row:
    """One check as its student sees it."""

    name: str
    outcome: str
    word: str
    points: str | None
    of: str
    bonus: bool
    manual: str
    expected: str | None = None
    found: str | None = None
    hint: str | None = None
    reason: str | None = None
    detail: str | None = None
    sum: str | None = None


def page(assignment: Assignment, one: SubmissionResult) -> str:
    """A student's page: the visible checks alone, each with what its `reveal` allows. No figure of a hidden
    check is in it, nor a total that would give one away."""
    visible = [check for check in one.checks if check.planned.visibility == "visible"]
    secret = frozenset(check.planned.name for check in one.checks if check not in visible)
    points = [check.points for check in visible if check.points is not None]
    return _ENVIRONMENT.get_template("feedback.html").render(
        assignment=assignment,
        id=one.id,
        rows=[row(check, secret) for check in visible],
        points=_plain(sum(points, Decimal(0))),
        of=_plain(sum((c.of for c in visible if not c.planned.bonus), Decimal(0))),
        unjudged=len(visible) - len(points),
        hidden=len(visible) < len(one.checks),
    )


def row(check: CheckResult, secret: frozenset[str]) -> Row:
    """What a student sees of one check. ``secret`` are the checks whose names he may not know."""
    planned, outcome = check.planned, check.outcome
    seen = Row(
        name=planned.name,
        outcome=name_of(outcome),
        word=_WORDS[name_of(outcome)],
        points=_plain(check.points) or None,
        of=_plain(check.of),
        bonus=planned.bonus,
        manual=type(planned.check).manual().splitlines()[0],
    )
    match outcome:
        case Passed(detail=detail):
            return replace(seen, found=detail if planned.reveal == "expected" else None)
        case Failed():
            return _failed(seen, check, outcome)
        case Blocked(by=by, reason=reason):
            why = "A check that it needs did not pass." if by in secret else f"“{by}”: {reason}"
            return replace(seen, reason=why)
        case Broken():
            return replace(
                seen, reason="This could not be judged. It costs you nothing; a person will look at it."
            )


def _failed(seen: Row, check: CheckResult, outcome: Failed) -> Row:
    planned = check.planned
    if planned.reveal == "expected":
        part = f"{planned.points:g} × {outcome.fraction:.4g} = {_plain(check.points)}"
        below = outcome.fraction < planned.passing
        if below:
            part = (
                f"{outcome.fraction:.4g} of it was reached, and below {planned.passing:g} there are no points"
            )
        return replace(
            seen,
            expected=outcome.expected,
            found=outcome.found,
            hint=planned.hint or outcome.hint,
            detail=outcome.detail,
            sum=part if outcome.fraction else None,
        )
    if planned.reveal == "direction":
        return replace(seen, reason=outcome.direction or "It is not as required.", hint=planned.hint)
    return replace(seen, reason="It is not as required.")


def file_name(id: str) -> str:
    """A file name for an id: itself, unless it is too long for a file system.

    >>> file_name("Ada, L. 🙂")
    'Ada, L. 🙂'
    """
    data = os.fsencode(id)
    if len(data) <= _LONGEST_NAME:
        return id
    return f"{data[:_LONGEST_NAME].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:12]}"


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}" if value else "0"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part")
    try:
        # A student's text may hold half a character, which UTF-8 does not have: it is written as an escape.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _code(text: str) -> Markup:
    """A sentence as HTML: escaped first, then what stands in `…` set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("grader.results.formats", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["code"] = _code

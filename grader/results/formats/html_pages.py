"""HTML: a page for each student with what he may see."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Final, final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from builder.component import Accepted
from grader.assignment.assignment import Assignment
from grader.outcome import Blocked, Broken, Failed, Passed, name_of
from grader.results.formats.output_format import Files, OutputFormat, file_name
from grader.results.result import CheckResult, ClassResult, SubmissionResult, plain_text

_WORDS: Final = {"passed": "Passed", "failed": "Failed", "blocked": "Blocked", "broken": "Not judged yet"}


@final
class HTML(OutputFormat):
    """`feedback/ID.html`: a page for each student, with what each visible check's `reveal` allows."""

    folder: ClassVar[str] = "feedback"
    accepts = (Accepted(""),)

    def submission_files(self, result: ClassResult, submission: SubmissionResult) -> Files:
        """``ID.html``."""
        return {f"{file_name(submission.id)}.html": page(result.assignment, submission)}


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


def page(assignment: Assignment, submission: SubmissionResult) -> str:
    """A student's page: the visible checks alone, each with what its `reveal` allows.

    No figure of a hidden check is in it, nor a total that would give one away.
    """
    visible = [check for check in submission.checks if check.planned.visibility == "visible"]
    secret = frozenset(check.planned.name for check in submission.checks if check not in visible)
    points = [check.points for check in visible if check.points is not None]
    return _ENVIRONMENT.get_template("feedback.html").render(
        assignment=assignment,
        id=submission.id,
        rows=[row(check, secret) for check in visible],
        points=plain_text(sum(points, Decimal(0))),
        of=plain_text(sum((c.of for c in visible if not c.planned.bonus), Decimal(0))),
        unjudged=len(visible) - len(points),
        hidden=len(visible) < len(submission.checks),
    )


def row(check: CheckResult, secret: frozenset[str]) -> Row:
    """What a student sees of one check. ``secret`` are the checks whose names he may not know."""
    planned, outcome = check.planned, check.outcome
    seen = Row(
        name=planned.name,
        outcome=name_of(outcome),
        word=_WORDS[name_of(outcome)],
        points=plain_text(check.points) or None,
        of=plain_text(check.of),
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
        part = f"{planned.points:g} × {outcome.fraction:.4g} = {plain_text(check.points)}"
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

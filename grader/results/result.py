"""What a class got: outcomes with their points, and the arithmetic between them.

Points are decimal numbers: the part that was reached times the check's points, rounded to hundredths, a half
upwards; totals are sums of these and are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from grader.assignment.assignment import Assignment, Planned
from grader.outcome import Blocked, Broken, Failed, Outcome, Passed, fraction_of, name_of

_HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one submission."""

    planned: Planned
    outcome: Outcome

    @property
    def points(self) -> Decimal | None:
        """The points it gives; None if it is not judged (broken)."""
        fraction = fraction_of(self.outcome)
        if fraction is None:
            return None
        if fraction < self.planned.passing:
            return Decimal(0)
        return (decimal(self.planned.points) * decimal(fraction)).quantize(_HUNDREDTH, ROUND_HALF_UP)

    @property
    def of(self) -> Decimal:
        """The points it can give."""
        return decimal(self.planned.points)

    def to_json(self) -> dict[str, Any]:
        """As `results.json` has it, which is for the lecturer: nothing is held back."""
        expected, found, hint = shown(self.outcome)
        return {
            "check": self.planned.name,
            "outcome": name_of(self.outcome),
            "points": number(self.points),
            "of": number(self.of),
            "expected": expected,
            "found": found,
            "hint": self.planned.hint or hint if isinstance(self.outcome, Failed) else None,
        }


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """One submission: its checks in the assignment's order, and what its worker wrote to stderr."""

    id: str
    of: Decimal
    checks: tuple[CheckResult, ...]
    log: str = ""

    @property
    def broken(self) -> bool:
        """Whether any check could not be judged, so that a person must look."""
        return any(isinstance(check.outcome, Broken) for check in self.checks)

    @property
    def points(self) -> Decimal | None:
        """The sum, bonus included; None while any check is broken: an unjudged student is never zero."""
        points = [check.points for check in self.checks]
        return None if None in points else sum((p for p in points if p is not None), Decimal(0))

    def to_json(self) -> dict[str, Any]:
        """As `results.json` has it."""
        return {
            "id": self.id,
            "points": number(self.points),
            "of": number(self.of),
            "checks": [check.to_json() for check in self.checks],
        }


@dataclass(frozen=True, slots=True)
class ClassResult:
    """A class: submissions by id. ``ignored`` are files beside them that are no submissions."""

    assignment: Assignment
    submissions: tuple[SubmissionResult, ...]
    ignored: tuple[str, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether any submission could not be judged."""
        return any(submission.broken for submission in self.submissions)

    def to_json(self) -> dict[str, Any]:
        """`results.json`, whole."""
        return {
            "assignment": self.assignment.name,
            "submissions": [submission.to_json() for submission in self.submissions],
        }


def shown(outcome: Outcome) -> tuple[str | None, str | None, str | None]:
    """What was expected, what was found and the hint, in words."""
    match outcome:
        case Passed(detail=detail):
            return None, detail, None
        case Failed(expected=expected, found=found, hint=hint):
            return expected, found, hint
        case Blocked(by=by, reason=reason):
            return f"`{by}` to pass first", reason, None
        case Broken(error=error):
            return None, error, None


def decimal(value: float) -> Decimal:
    """A number as it is written: 0.1 is a tenth."""
    return Decimal(repr(float(value)))


def number(value: Decimal | None) -> int | float | None:
    """A decimal for JSON, whole where it is whole."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def plain_text(value: Decimal | None) -> str:
    """A decimal in digits without trailing zeros; empty for None.

    >>> plain_text(Decimal("2.50")), plain_text(Decimal("100")), plain_text(None)
    ('2.5', '100', '')
    """
    return "" if value is None else f"{value.normalize():f}" if value else "0"

"""Results made by hand, for the tests of what is written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from builder.errors import Place
from grader import CheckResult, ClassResult, SubmissionResult
from grader.assignment.assignment import Assignment, Planned, Reveal, Visibility
from grader.checks.valid import valid
from grader.exchange import Allow
from grader.outcome import Outcome


class Make:
    """Makes results."""

    def check(
        self, name: str, outcome: Outcome, visibility: Visibility = "visible", reveal: Reveal = "expected"
    ) -> CheckResult:
        """A check of ten points that ended so."""
        planned = Planned(name, valid(), 10, {}, 0.0, False, None, visibility, reveal, Place("a", 1, 1))
        return CheckResult(planned, outcome)

    def class_of(self, *submissions: SubmissionResult, title: str = "A") -> ClassResult:
        """A class of these submissions, which all have the same checks."""
        checks = tuple(result.planned for result in submissions[0].checks)
        assignment = Assignment(Path("a.yaml"), "a", title, {}, {}, Allow(), 20, None, None, checks, checks)
        return ClassResult(assignment, submissions)

    def student(self, name: str, *checks: CheckResult) -> SubmissionResult:
        """A submission of 20 points."""
        return SubmissionResult(name, Decimal(20), checks)


@pytest.fixture
def make() -> Make:
    """Makes results by hand, for the tests of what is written."""
    return Make()

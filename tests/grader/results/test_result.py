from __future__ import annotations

from decimal import Decimal

import pytest

from builder.errors import Place
from grader import Blocked, Broken, CheckResult, Failed, Passed, SubmissionResult
from grader.assignment.assignment import Planned
from grader.checks.valid import valid
from grader.outcome import Outcome


def result(outcome: Outcome, points: float = 10, *, passing: float = 0.0, bonus: bool = False) -> CheckResult:
    place = Place("a", 1, 1)
    return CheckResult(
        Planned("v", valid(), points, {}, passing, bonus, None, "visible", "expected", place), outcome
    )


@pytest.mark.parametrize(
    "outcome, points, passing, given",
    [
        (Passed(), 10, 0.0, "10.00"),
        (Failed("a", "b", fraction=0.5), 7, 0.5, "3.50"),
        (Failed("a", "b", fraction=0.4999), 7, 0.5, "0"),
        (Failed("a", "b", fraction=1 / 3), 10, 0.0, "3.33"),
        (Failed("a", "b", fraction=0.125), 0.1, 0.0, "0.01"),
        (Failed("a", "b", fraction=0.15), 0.1, 0.0, "0.02"),  # a half, upwards: 0.015
        (Failed("a", "b", fraction=0.285), 1, 0.0, "0.29"),  # in binary just below the half
        (Blocked("x", "y"), 10, 0.0, "0.00"),
        (Broken("z"), 10, 0.0, None),
    ],
)
def test_points_are_exact(outcome: Outcome, points: float, passing: float, given: str | None) -> None:
    expected = None if given is None else Decimal(given)
    assert result(outcome, points, passing=passing).points == expected


def test_a_tenth_ten_times_is_one() -> None:
    one = SubmissionResult("ada", Decimal(1), tuple(result(Passed(), 0.1) for _ in range(10)))
    assert one.points == Decimal(1) and one.to_json()["points"] == 1


def test_a_bonus_may_go_past_the_sum() -> None:
    one = SubmissionResult("ada", Decimal(10), (result(Passed()), result(Passed(), 3, bonus=True)))
    assert (one.points, one.of) == (Decimal(13), Decimal(10))


def test_who_is_not_judged_is_never_zero() -> None:
    one = SubmissionResult("ada", Decimal(20), (result(Passed()), result(Broken("a disk"))))
    assert one.broken and one.points is None
    assert one.to_json() == {
        "id": "ada",
        "points": None,
        "of": 20,
        "checks": [
            {
                "check": "v",
                "outcome": "passed",
                "points": 10,
                "of": 10,
                "expected": None,
                "found": None,
                "hint": None,
            },
            {
                "check": "v",
                "outcome": "broken",
                "points": None,
                "of": 10,
                "expected": None,
                "found": "a disk",
                "hint": None,
            },
        ],
    }

"""parameters: bounds on weights and on multiply-adds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grader.outcome import Failed, Outcome, Passed

# 4·3 + 3 = 15 and 3·2 + 2 = 8 parameters; 12 and 6 multiply-adds.
SMALL = "input: [4]\nlayers: [{Linear: 3}, ReLU, {Linear: 2}]\n"
Judge = Callable[..., Outcome]


@pytest.mark.parametrize(
    "check",
    [
        "{max: 23}",
        "{min: 23}",
        "{min: 1, max: 30}",
        "{equal: 23}",
        "{equal: true}",
        "{of: multiply_adds, equal: 18}",
    ],
)
def test_bounds_include_their_ends(judge: Judge, check: str) -> None:
    assert isinstance(judge(f"parameters: {check}", SMALL, SMALL), Passed)


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        (
            "{max: 22}",
            Failed(
                "22 parameters at most",
                "23",
                "Most of them are in `linear_1`: 15.",
                direction="too many parameters",
            ),
        ),
        ("{min: 1000}", Failed("1,000 parameters at least", "23", direction="too few parameters")),
        ("{min: 30, max: 40}", Failed("30 to 40 parameters", "23", direction="too few parameters")),
        (
            "{of: multiply_adds, max: 17}",
            Failed(
                "17 multiply-adds at most",
                "18",
                "Most of them are in `linear_1`: 12.",
                direction="too many multiply-adds",
            ),
        ),
    ],
)
def test_what_is_said_outside_the_bounds(judge: Judge, check: str, outcome: Failed) -> None:
    assert judge(f"parameters: {check}", SMALL, SMALL) == outcome


def test_equal_is_the_references(judge: Judge) -> None:
    larger = SMALL.replace("Linear: 3", "Linear: 5")
    outcome = judge("parameters: {equal: true}", SMALL, larger)
    assert outcome == Failed(
        "23 parameters", "37", "Most of them are in `linear_1`: 25.", direction="too many parameters"
    )

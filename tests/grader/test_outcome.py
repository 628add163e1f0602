from __future__ import annotations

import math

import pytest

from grader import Blocked, Broken, Failed, Passed
from grader.outcome import Refusal, fraction_of, name_of


@pytest.mark.parametrize("fraction", [1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_failure_never_has_all_the_points_or_a_number_that_is_none(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        Failed("this", "that", fraction=fraction)


def test_each_outcome_has_its_name_and_its_part() -> None:
    outcomes = [Passed(), Failed("a", "b", fraction=0.25), Blocked("valid", "why"), Broken("ours")]
    assert [name_of(one) for one in outcomes] == ["passed", "failed", "blocked", "broken"]
    assert [fraction_of(one) for one in outcomes] == [1.0, 0.25, 0.0, None]


def test_a_refusal_is_a_failure_without_credit() -> None:
    assert Refusal("a file", "none", "Add it.").failed() == Failed("a file", "none", "Add it.")

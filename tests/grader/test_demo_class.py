"""The shipped class, graded: every point is what a person works out by hand from the assignment.

Worth: shapes 16 (eight layers change a shape: 2 each), size 4, forward 12, gradients 12, clean 36 (a straight
line from 0.80 to 0.95 on 400 digits), by hand 20 (q1 4, q2 6, q3 6, q4 4).
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from grader import grade

ASSIGNMENT = Path(str(files("specs") / "assignments" / "lenet-digits"))
ALL = {"valid": 0, "shapes": 16, "size": 4, "forward": 12, "gradients": 12, "clean": 36, "by hand": 20}
NO_MODEL = dict.fromkeys(ALL, 0) | {"by hand": 20}
EXPECTED: dict[str, dict[str, float]] = {
    "ada": ALL,
    # conv2d_2 gives 16×12×12: one of eight layers. linear_1 then has 16·6·6·120 + 120 = 69,240 parameters, so
    # the whole has 81,290 > 62,000, and the reference's weights fit neither.
    "boole": ALL | {"shapes": 14, "size": 0, "forward": 0, "gradients": 0},
    # linear_1 gives 400: 197,506 parameters.
    "curie": ALL | {"shapes": 14, "size": 0, "forward": 0, "gradients": 0},
    # 370 of 400 are right: (0.925 − 0.80)/(0.95 − 0.80)·36 = 30.
    "dijkstra": ALL | {"clean": 30},
    "euler": ALL | {"clean": 0},  # weights of NaN
    "fermat": NO_MODEL,  # no YAML
    "gauss": NO_MODEL,  # 10¹² parameters
    "hopper": dict.fromkeys(ALL, 0),  # an empty folder
    "ibn-sina": ALL | {"by hand": 14},  # q2 without the biases
    "johnson": ALL,  # the same network, written another way
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("graded") / "out"
    grade(ASSIGNMENT / "assignment.yaml", ASSIGNMENT / "class", out)
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def test_every_submission_has_the_points_a_person_gives(results: dict[str, Any]) -> None:
    found = {
        one["id"]: {check["check"]: check["points"] for check in one["checks"]}
        for one in results["submissions"]
    }
    assert found == EXPECTED
    totals = {one["id"]: (one["points"], one["of"]) for one in results["submissions"]}
    assert totals == {name: (sum(points.values()), 100) for name, points in EXPECTED.items()}


def test_a_slip_in_an_answer_is_named(results: dict[str, Any]) -> None:
    (one,) = [one for one in results["submissions"] if one["id"] == "ibn-sina"]
    (check,) = [check for check in one["checks"] if check["check"] == "by hand"]
    assert check["hint"] == "q2: You forgot the biases: one for each output channel."


def test_what_stands_in_the_way_is_said(results: dict[str, Any]) -> None:
    outcomes = {
        one["id"]: {check["check"]: check["outcome"] for check in one["checks"]}
        for one in results["submissions"]
    }
    assert outcomes["boole"]["forward"] == outcomes["boole"]["gradients"] == "blocked"
    assert outcomes["hopper"]["valid"] == outcomes["hopper"]["by hand"] == "failed"
    assert outcomes["fermat"]["clean"] == "blocked"
    assert "broken" not in {outcome for one in outcomes.values() for outcome in one.values()}

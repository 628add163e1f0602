"""The shipped class on gates, graded: every point is what a person works out by hand from the assignment.

Worth: shapes 10 (two layers change a shape: 5 each), gates 30, forward 15 (two layers), gradients 15 (twelve
parameters of the gates, two of the last layer, the input: 1 each), memory lasts 10, by hand 20 (4, 8, 8).

Memory lasts: over 20 steps a gradient passes the forget gate 19 times. With a bias of 1 each keeps about
σ(1) = 0.73 of it, in all 2.6e-3; with a bias near 0 a half, in all 1.9e-6. 1e-3 lies between.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from grader import grade
from grader.worker.pool import Server

ASSIGNMENT = Path(str(files("specs") / "assignments" / "gates-lstm"))
ALL = {
    "valid": 0, "shapes": 10, "gates": 30, "forward": 15, "gradients": 15, "memory lasts": 10, "by hand": 20,
}  # fmt: skip
NO_MODEL = dict.fromkeys(ALL, 0) | {"by hand": 20}
EXPECTED: dict[str, dict[str, float]] = {
    "ada": ALL,
    "boole": ALL,  # other names, another order, and what is forgotten for what is kept
    "curie": ALL,  # W @ [h_prev, x]
    # The forget gate has no bias: another function, and the reference's weights do not fit it.
    "dijkstra": ALL | {"gates": 0, "forward": 0, "gradients": 0, "memory lasts": 0},
    # tanh for σ in the forget gate: no output is right, and of 15 gradients only that of the last bias, which
    # nothing comes after. tanh(1) = 0.76 lets the gradient pass all the same.
    "euler": ALL | {"gates": 0, "forward": 0, "gradients": 1},
    "fermat": NO_MODEL,  # o reads h, and h reads o
    "gauss": ALL | {"memory lasts": 0},  # the forget gate begins with a bias of about 0
    "hopper": NO_MODEL | {"by hand": 16},  # torch's own, and q1 with its two biases
}


@pytest.fixture(scope="module")
def results(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("graded") / "out"
    grade(ASSIGNMENT / "assignment.yaml", ASSIGNMENT / "class", out, jobs=2, server=server)
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def checks(results: dict[str, Any], id: str) -> dict[str, dict[str, Any]]:
    (one,) = [one for one in results["submissions"] if one["id"] == id]
    return {check["check"]: check for check in one["checks"]}


def test_every_submission_has_the_points_a_person_gives(results: dict[str, Any]) -> None:
    found = {
        one["id"]: {check["check"]: check["points"] for check in one["checks"]}
        for one in results["submissions"]
    }
    assert found == EXPECTED
    totals = {one["id"]: (one["points"], one["of"]) for one in results["submissions"]}
    assert totals == {name: (sum(points.values()), 100) for name, points in EXPECTED.items()}


def test_wrong_gates_are_shown_by_numbers(results: dict[str, Any]) -> None:
    """A forget gate first matters at step 2: before it there is nothing to forget."""
    for id in ("dijkstra", "euler"):
        gates = checks(results, id)["gates"]
        assert gates["expected"].startswith("a cell `Memory` that means the same as `nn.LSTM`: h_1 = [")
        assert "`Memory` differs at step 2 first" in gates["hint"]
        assert gates["expected"].split(": ", 1)[1].split(", h_2")[0] == gates["found"].split(", h_2")[0]


def test_what_stands_in_the_way_is_said(results: dict[str, Any]) -> None:
    assert checks(results, "dijkstra")["forward"]["outcome"] == "blocked"
    assert "its gates do not mean what they should" in checks(results, "dijkstra")["forward"]["found"]
    assert "o → h → o" in checks(results, "fermat")["valid"]["found"]
    assert checks(results, "hopper")["valid"]["found"] == "1 × `LSTM`"
    assert checks(results, "gauss")["memory lasts"]["hint"] == "With what bias does the forget gate begin?"
    assert checks(results, "hopper")["by hand"]["hint"].startswith("q1: That is nn.LSTM's")
    assert "broken" not in {c["outcome"] for one in results["submissions"] for c in one["checks"]}


def test_the_class_is_what_its_script_writes() -> None:
    import runpy

    made = runpy.run_path(str(ASSIGNMENT / "make_class.py"))
    for name, (model, answers) in made["STORIES"].items():
        folder = ASSIGNMENT / "class" / name
        assert (folder / "model.yaml").read_text(encoding="utf-8") == model
        assert (folder / "answers.yaml").read_text(encoding="utf-8") == answers
    assert made["STORIES"].keys() == EXPECTED.keys()


def test_a_student_can_check_gates_at_home() -> None:
    from grader.marking.at_home import check_folder

    found = check_folder(ASSIGNMENT / "assignment.yaml", ASSIGNMENT / "class" / "euler")
    outcomes = {one.planned.name: type(one.outcome).__name__ for one in found.checks}
    assert outcomes["gates"] == "Failed" and outcomes["memory lasts"] == "Passed"
    assert {one.name for one in found.elsewhere} == {"shapes", "forward", "gradients", "by hand"}


def test_the_starter_has_places_to_fill_and_nothing_else_wrong() -> None:
    from builder import load

    assert len(load(ASSIGNMENT / "starter.yaml").holes) == 6

"""The shipped class on robustness, graded: who trained against attacks earns the shield, and no cheat buys it.

Worth: size 5, clean 25, gap 10, learns 10, shield 50.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from grader import grade
from grader.worker.pool import Server

ASSIGNMENT = Path(str(files("specs") / "assignments" / "shield-digits"))


@pytest.fixture(scope="module")
def results(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    out = tmp_path_factory.mktemp("graded") / "out"
    grade(ASSIGNMENT / "assignment.yaml", ASSIGNMENT / "class", out, jobs=2, server=server)
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return {one["id"]: {check["check"]: check for check in one["checks"]} for one in found["submissions"]}


def points(results: dict[str, dict[str, dict[str, Any]]], id: str) -> dict[str, float]:
    return {name: check["points"] for name, check in results[id].items()}


@pytest.mark.slow
def test_who_gets_what(results: dict[str, dict[str, dict[str, Any]]]) -> None:
    valid = {name for name, checks in results.items() if checks["valid"]["outcome"] == "passed"}
    assert (
        valid == results.keys() == {"ada", "boole", "curie", "dijkstra", "euler", "fermat", "gauss", "hopper"}
    )
    ada, boole, curie = (points(results, name) for name in ("ada", "boole", "curie"))
    assert ada == {"valid": 0, "size": 5, "clean": 25, "gap": 10, "learns": 10, "shield": 50}
    # Trained as always: right on clean digits, and half of them give way.
    assert boole["clean"] == 25 and boole["shield"] <= 10
    # The same with its last layer × 10⁶: the same points, not one more.
    assert curie == pytest.approx(boole, abs=0.5)
    # And with a Softmax behind it, saturated: no gradient is left, and no point.
    dijkstra = results["dijkstra"]["shield"]
    assert dijkstra["points"] == 0 and dijkstra["expected"] == "gradients that lead the attacks"
    # Never trained.
    assert points(results, "euler") == {"valid": 0, "size": 5, "clean": 0, "gap": 0, "learns": 0, "shield": 0}
    assert results["euler"]["shield"]["outcome"] == "blocked"
    # Its last layer begins a thousand times too large, and the loss falls far: from nothing that counts.
    assert points(results, "fermat")["learns"] <= 1
    # Trained on inputs from 0 to 10, judged on those that the assignment says.
    assert points(results, "hopper")["shield"] <= boole["shield"] + 5
    # A tenth of the digits seen in training: fewer are right.
    assert points(results, "gauss")["clean"] < 25

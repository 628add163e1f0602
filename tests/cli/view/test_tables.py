"""The class table says what `results.json` says."""

from __future__ import annotations

import io
from typing import Any

import pytest

from cli.view import render, tables


def check(name: str, outcome: str, points: float | None, of: float, **more: str) -> dict[str, Any]:
    texts = {"expected": None, "found": None, "hint": None}
    return {"check": name, "outcome": outcome, "points": points, "of": of} | texts | more


RESULTS: dict[str, Any] = {
    "assignment": "a",
    "submissions": [
        {
            "id": "ada",
            "points": 30.25,
            "of": 40,
            "checks": [
                check("valid", "passed", 0, 0),
                check("shapes", "failed", 10.25, 20, expected="10", found="12", hint="Count again."),
                check("by hand", "passed", 20, 20),
            ],
        },
        {
            "id": "李四",
            "points": None,
            "of": 40,
            "checks": [
                check("valid", "failed", 0, 0, expected="a model", found="none"),
                check("shapes", "blocked", 0, 20, expected="`valid` to pass first"),
                check("by hand", "broken", None, 20, found="the disk is full"),
            ],
        },
    ],
}


def shown(lines: list[render.Line]) -> str:
    stream = io.StringIO()
    render.show(lines, stream)
    return stream.getvalue()


def test_the_table() -> None:
    assert shown(tables.class_lines(RESULTS)) == (
        "submission   points  valid  shapes  by hand\n"
        "ada         30.2/40      ✓    10.2       20\n"
        "李四           ?/40      ✗       ·        !\n"
        "───────────────────────────────────────────\n"
        "passed                 1/2     0/2      1/2\n"
        "· blocked; ! broken\n"
        "1 could not be judged, through no fault of theirs: look at `!` in results.json.\n"
    )


def test_headings_are_cut_and_explained_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "42")
    text = shown(tables.class_lines(RESULTS))
    assert text.splitlines()[0] == "submission   points  vali  shap  by h"
    assert "vali valid; shap shapes; by h by hand" in text


def test_a_question_that_most_fail_is_named() -> None:
    many = {"assignment": "a", "submissions": [RESULTS["submissions"][0]] * 4}
    assert "Most failed `shapes` (4 of 4): the question may be wrong.\n" in shown(tables.class_lines(many))


def test_an_empty_class() -> None:
    assert shown(tables.class_lines({"assignment": "a", "submissions": []})) == "There is no submission.\n"


def test_one_submission_check_by_check() -> None:
    assert shown(tables.check_lines(RESULTS["submissions"][0]["checks"])) == (
        "passed    valid  0/0\n"
        "failed    shapes  10.2/20\n"
        "          expected: 10\n"
        "          found: 12\n"
        "          hint: Count again.\n"
        "passed    by hand  20/20\n"
    )


def test_why_in_short() -> None:
    assert shown(tables.why_lines(RESULTS)) == (
        "ada         shapes: expected 10, found 12\n李四        valid: expected a model, found none\n"
    )

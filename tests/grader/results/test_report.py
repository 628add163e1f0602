"""Everything is written, and what fails stops nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder.errors import RunError
from grader import Failed, Passed, SubmissionResult
from grader.assignment.assignment import Assignment
from grader.results.formats import html_pages
from grader.results.report import write_reports

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom
    from tests.grader.results.conftest import Make


def test_long_names_keep_apart(make: Make, tmp_path: Path) -> None:
    long = "🙂" * 60
    result = make.class_of(
        make.student(long + "a", make.check("v", Passed())),
        make.student(long + "b", make.check("v", Passed())),
    )
    write_reports(result, tmp_path)
    assert len(list((tmp_path / "feedback").iterdir())) == 2


def test_everything_is_written(classroom: Classroom, weights: bytes) -> None:
    classroom.submit("ada", weights=weights)
    classroom.submit("bob", model="layers: [")
    out = classroom.folder / "out"
    result = classroom.grade(out=out)
    written = {str(path.relative_to(out)) for path in out.rglob("*")}
    assert {"feedback/ada.html", "feedback/bob.html", "grades.csv", "results.json"} <= written
    record = json.loads((out / "results.json").read_text())
    assert record == result.to_json()
    assert list(record) == ["assignment", "submissions"]
    assert list(record["submissions"][0]) == ["id", "points", "of", "checks"]
    assert list(record["submissions"][0]["checks"][0]) == [
        "check",
        "outcome",
        "points",
        "of",
        "expected",
        "found",
        "hint",
    ]


def test_half_a_character_is_written_as_an_escape(make: Make, tmp_path: Path) -> None:
    write_reports(make.class_of(make.student("ada", make.check("v", Failed("a", "b\ud800")))), tmp_path)
    assert "b\\ud800" in (tmp_path / "feedback" / "ada.html").read_text()
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["submissions"][0]["checks"][0]["found"] == "b\ud800"


def test_a_page_that_fails_stops_no_other(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = html_pages.page

    def fails(assignment: Assignment, one: SubmissionResult) -> str:
        if one.id == "bob":
            raise ValueError("a bug")
        return original(assignment, one)

    monkeypatch.setattr(html_pages, "page", fails)
    names = ("ada", "bob", "cleo")
    (tmp_path / "feedback" / "cleo.html").mkdir(parents=True)  # nothing can be written over a folder
    with pytest.raises(RunError, match="the pages of 2 of 3 submissions") as caught:
        write_reports(
            make.class_of(*(make.student(name, make.check("v", Passed())) for name in names)), tmp_path
        )
    assert "bob: ValueError: a bug" in str(caught.value.hint) and "cleo: " in str(caught.value.hint)
    written = {path.name for path in tmp_path.rglob("*")}
    assert {"ada.html", "grades.csv", "results.json"} <= written and "bob.html" not in written
    assert not [name for name in written if name.endswith(".part")]

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder.errors import Place, RunError
from grader import Blocked, Broken, CheckResult, ClassResult, Failed, Passed, SubmissionResult
from grader.assignment.assignment import Assignment, Planned, Reveal, Visibility
from grader.checks.valid import valid
from grader.exchange import Allow
from grader.outcome import Outcome
from grader.results.formats import html_pages as report
from grader.results.formats.html_pages import file_name, grades, page, write_reports

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

EVIL = "<script>alert('x')</script>"


def check(
    name: str, outcome: Outcome, visibility: Visibility = "visible", reveal: Reveal = "expected"
) -> CheckResult:
    planned = Planned(name, valid(), 10, {}, 0.0, False, None, visibility, reveal, Place("a", 1, 1))
    return CheckResult(planned, outcome)


def class_of(*submissions: SubmissionResult) -> ClassResult:
    checks = tuple(one.planned for one in submissions[0].checks)
    asked = Assignment(Path("a.yaml"), "a", EVIL, {}, {}, Allow(), 20, None, None, checks, checks)
    return ClassResult(asked, submissions)


def student(name: str, *checks: CheckResult) -> SubmissionResult:
    return SubmissionResult(name, Decimal(20), checks)


NAMES = ["Ada, L.", 'say "hi"', "🙂", "=cmd()", "+1", "-1", "@x", "\tx", "a\nb", "né"]


def test_a_spreadsheet_reads_every_name_and_runs_none() -> None:
    text = grades(class_of(*(student(name, check("v", Passed())) for name in NAMES)))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["id", "points", "of", "v"]
    assert [row[0].removeprefix("'") for row in rows[1:]] == NAMES
    assert not [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n")]
    assert all(row[1:] == ["10", "20", "10"] for row in rows[1:])


def test_what_is_not_judged_is_empty_not_zero() -> None:
    text = grades(class_of(student("ada", check("v", Broken("x")), check("w", Failed("a", "b")))))
    assert list(csv.reader(io.StringIO(text)))[1] == ["ada", "", "20", "", "0"]


def test_a_page_is_safe_whatever_it_shows() -> None:
    one = student(EVIL, check(EVIL, Failed(EVIL, EVIL, EVIL)))
    html = page(class_of(one).assignment, one)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert not re.search(r"(?:src|href)\s*=", html), "a page stands alone"


@pytest.mark.parametrize(
    "reveal, shown, hidden",
    [
        ("expected", ["at least 97", "found 83", "8.5"], []),
        ("direction", ["too low"], ["at least 97", "found 83"]),
        ("nothing", ["It is not as required."], ["too low", "at least 97", "found 83"]),
        ("after_due", ["It is not as required."], ["too low", "at least 97", "found 83"]),
    ],
)
def test_a_page_shows_what_reveal_allows(reveal: Reveal, shown: list[str], hidden: list[str]) -> None:
    failed = Failed("at least 97", "found 83", "Train.", 0.85, "too low")
    one = student("ada", check("clean", failed, reveal=reveal))
    html = page(class_of(one).assignment, one)
    assert all(text in html for text in shown)
    assert not [text for text in hidden if text in html]


def test_a_hidden_check_leaves_no_trace_on_the_page() -> None:
    one = student(
        "ada",
        check("open", Passed()),
        check("secret", Failed("0.9713", "0.8317", fraction=0.3), "hidden", "direction"),
        check("later", Blocked("secret", "it did not pass")),
    )
    html = page(class_of(one).assignment, one)
    assert "secret" not in html and "0.97" not in html and "0.83" not in html
    assert "A check that it needs did not pass." in html
    assert "of 20 points in the checks shown here" in html.replace("</strong> <span>", " ")
    assert re.search(r"<strong>10</strong>", html), "the subtotal of visible checks alone"


def test_long_names_keep_apart(tmp_path: Path) -> None:
    long = "🙂" * 60
    assert file_name(long + "a") != file_name(long + "b")
    assert len(file_name(long + "a").encode()) < 230
    result = class_of(student(long + "a", check("v", Passed())), student(long + "b", check("v", Passed())))
    write_reports(result, tmp_path)
    assert len(list((tmp_path / "feedback").iterdir())) == 2


def test_everything_is_written(classroom: Classroom, weights: bytes) -> None:
    classroom.submit("ada", weights=weights)
    classroom.submit("bob", model="layers: [")
    out = classroom.folder / "out"
    result = classroom.grade(out=out)
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == [
        "feedback/ada.html",
        "feedback/bob.html",
        "grades.csv",
        "results.json",
    ]
    written = json.loads((out / "results.json").read_text())
    assert written == result.to_json()
    assert list(written) == ["assignment", "submissions"]
    assert list(written["submissions"][0]) == ["id", "points", "of", "checks"]
    assert list(written["submissions"][0]["checks"][0]) == [
        "check",
        "outcome",
        "points",
        "of",
        "expected",
        "found",
        "hint",
    ]


def test_half_a_character_is_written_as_an_escape(tmp_path: Path) -> None:
    write_reports(class_of(student("ada", check("v", Failed("a", "b\ud800")))), tmp_path)
    assert "b\\ud800" in (tmp_path / "feedback" / "ada.html").read_text()
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["submissions"][0]["checks"][0]["found"] == "b\ud800"


def test_a_page_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = report.page

    def fails(assignment: Assignment, one: SubmissionResult) -> str:
        if one.id == "bob":
            raise ValueError("a bug")
        return make(assignment, one)

    monkeypatch.setattr(report, "page", fails)
    names = ("ada", "bob", "cleo")
    (tmp_path / "feedback" / "cleo.html").mkdir(parents=True)  # nothing can be written over a folder
    with pytest.raises(RunError, match="the pages of 2 of 3 submissions") as caught:
        write_reports(class_of(*(student(name, check("v", Passed())) for name in names)), tmp_path)
    assert "bob: ValueError: a bug" in str(caught.value.hint) and "cleo: " in str(caught.value.hint)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "ada.html",
        "cleo.html",
        "feedback",
        "grades.csv",
        "results.json",
    ]

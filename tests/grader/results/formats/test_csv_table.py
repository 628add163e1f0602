"""A spreadsheet reads the grades and runs nothing."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from grader import Broken, Failed, Passed
from grader.results.formats.csv_table import CSV, grades

if TYPE_CHECKING:
    from tests.grader.results.conftest import Make


NAMES = ["Ada, L.", 'say "hi"', "🙂", "=cmd()", "+1", "-1", "@x", "\tx", "a\nb", "né"]


def test_a_spreadsheet_reads_every_name_and_runs_none(make: Make) -> None:
    text = grades(make.class_of(*(make.student(name, make.check("v", Passed())) for name in NAMES)))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["id", "points", "of", "v"]
    assert [row[0].removeprefix("'") for row in rows[1:]] == NAMES
    assert not [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n")]
    assert all(row[1:] == ["10", "20", "10"] for row in rows[1:])


def test_what_is_not_judged_is_empty_not_zero(make: Make) -> None:
    text = grades(
        make.class_of(make.student("ada", make.check("v", Broken("x")), make.check("w", Failed("a", "b"))))
    )
    assert list(csv.reader(io.StringIO(text)))[1] == ["ada", "", "20", "", "0"]


def test_it_writes_one_file_for_the_class(make: Make) -> None:
    result = make.class_of(make.student("ada", make.check("v", Passed())))
    assert CSV().class_files(result) == {"grades.csv": "id,points,of,v\r\nada,10,20,10\r\n"}
    assert CSV().submission_files(result, result.submissions[0]) == {}

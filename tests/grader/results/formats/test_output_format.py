"""A format is found by its file alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import grader.results.formats
from builder.component import Catalogue
from grader import Passed
from grader.results.formats.output_format import OutputFormat, file_name, formats
from grader.results.report import write_reports

if TYPE_CHECKING:
    from tests.grader.results.conftest import Make

ONE_LINE_EACH = '''
from typing import ClassVar, final

from builder.component import Accepted
from grader.results.formats.output_format import Files, OutputFormat, file_name
from grader.results.result import ClassResult, SubmissionResult


@final
class Receipt(OutputFormat):
    """A line for each submission, and how many there are."""

    folder: ClassVar[str] = "receipts"
    accepts = (Accepted(""),)

    def class_files(self, result: ClassResult) -> Files:
        """``count.bin``."""
        return {"count.bin": bytes([len(result.submissions)])}

    def submission_files(self, result: ClassResult, submission: SubmissionResult) -> Files:
        """``ID.txt``."""
        return {f"{file_name(submission.id)}.txt": f"{submission.id}: {submission.points}"}
'''


def test_the_first_formats_are_there() -> None:
    assert {"CSV", "HTML", "JSON"} <= set(formats)


def test_a_new_file_is_found_and_written(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "copied_formats"
    shutil.copytree(Path(grader.results.formats.__file__).parent, package)
    (package / "receipt.py").write_text(ONE_LINE_EACH)
    monkeypatch.syspath_prepend(tmp_path)
    copied = Catalogue("output format", "copied_formats", OutputFormat)
    assert set(copied) == {*formats, "Receipt"}
    result = make.class_of(
        make.student("ada", make.check("v", Passed())), make.student("bob", make.check("v", Passed()))
    )
    for catalogue, out in ((formats, tmp_path / "before"), (copied, tmp_path / "after")):
        write_reports(result, out, catalogue)
    before, after = (
        {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (tmp_path / "before", tmp_path / "after")
    )
    assert after == before | {
        "receipts/count.bin": b"\x02",
        "receipts/ada.txt": b"ada: 10.00",
        "receipts/bob.txt": b"bob: 10.00",
    }


def test_long_names_keep_apart() -> None:
    long = "🙂" * 60
    assert file_name(long + "a") != file_name(long + "b")
    assert len(file_name(long + "a").encode()) < 230

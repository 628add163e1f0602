"""Files that hold data: where they may lie, and what they may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.data_files import Table, read_data, read_table
from builder.errors import Cause


def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    assert read_data(tmp_path, "a.txt", None) == "one\ntwo\n"


def test_a_table_keeps_what_is_quoted() -> None:
    table = read_table('a, b\n1,"2,5"\n\n3,4\n')
    assert table == Table(("a", "b"), (("1", "2,5"), ("3", "4")))
    assert table.column("b") == ("2,5", "4")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("gone.txt", "there is no file `gone.txt`"),
        ("../a.txt", "the path `../a.txt` leaves the folder of the file that names it"),
        (".", "expected a file at `.`, found something else"),
        ("link.txt", "the path `link.txt` leaves the folder of the file that names it"),
    ],
)
def test_a_path_that_cannot_be_read_says_why(tmp_path: Path, path: str, problem: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "a.txt").write_text("secret", encoding="utf-8")
    (inner / "link.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(Cause) as told:
        read_data(inner, path, None)
    assert told.value.problem == problem

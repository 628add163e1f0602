"""Files that hold data: where they may lie, and what they may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import Cause
from builder.files.data import Table, find_file, number, read_data, read_table


def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    assert read_data(tmp_path, "a.txt", None) == "one\ntwo\n"


def test_a_table_keeps_what_is_quoted() -> None:
    table = read_table('a, b\n1,"2,5"\n\n3,4\n')
    assert table == Table(("a", "b"), (("1", "2,5"), ("3", "4")), (2, 4))
    assert table.column("b") == ("2,5", "4")


def test_rows_are_counted_as_the_file_counts_lines() -> None:
    table = read_table('\n\na,b\n1,"two\nlines"\n\n3,4\n')
    assert table.lines == (5, 7)
    with pytest.raises(Cause, match="row 5 of the table has 1 values, and the header 2"):
        read_table("\na,b\n\n1,2\n3\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0,0\n1,1\n", "the table has no header: its first row holds numbers alone"),
        ("\n-1.5e3\n2\n", "the table has no header: its first row holds numbers alone"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 of the table are both called `a`"),
        ("a, a \n1,2\n", "columns 1 and 2 of the table are both called `a`"),
        (",b\n1,2\n", "column 1 of the table has no name"),
        ("a, \n1,2\n", "column 2 of the table has no name"),
        ("\n\n", "the table is empty"),
    ],
)
def test_a_header_names_each_column(text: str, problem: str) -> None:
    with pytest.raises(Cause) as told:
        read_table(text)
    assert (told.value.problem, told.value.field) == (problem, "path")


@pytest.mark.parametrize(
    "text", ["1_000", "nan", "inf", "-Infinity", "1e", "0x10", "", "١", "1 2", "1,5", "--1"]
)
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


def test_what_is_a_number() -> None:
    assert [number(text) for text in ("1", " -2.5 ", "+.5", "3.", "1e-3")] == [1, -2.5, 0.5, 3, 0.001]


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


def test_a_file_inside_the_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.bin").write_bytes(bytes(3 << 20))
    assert find_file(tmp_path, "sub/../sub/a.bin") == tmp_path.resolve() / "sub" / "a.bin"
    for path, most, problem in (
        ("sub/a.bin", 2 << 20, "has 3 MiB, and 2 are allowed"),
        ("sub", 1, "found something else"),
        ("b.bin", 1, "there is no file `b.bin`"),
        ("../a.bin", 1, "leaves the folder"),
    ):
        with pytest.raises(Cause, match=problem) as caught:
            find_file(tmp_path, path, "classifier", most)
        assert caught.value.field == "classifier"

"""The reader: values, places, limits, and that no file at all stops it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from builder.language.nodes import Mapping, Node, Scalar, Sequence
from builder.language.source import MAX_BYTES, MAX_DEPTH, MAX_NODES, read_bytes, read_file, read_text

if TYPE_CHECKING:
    from tests.conftest import Yardstick

Complaints = Callable[[Callable[[], object]], list[str]]


def values(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [values(item) for item in node.items]
    return {key: values(value) for key, value in node.entries.items()}


def read(text: str) -> Any:
    return values(read_text(text).root)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'6'", "6"),
        ('"true"', "true"),
        ('"\\u00e9\\n"', "é\n"),
        ("|\n  1\n  2\n", "1\n2\n"),
        (">-\n  a\n  b\n", "a b"),
        ("a\n b", "a b"),
        ("!!str 6", "6"),
        ("! 6", "6"),
        ("!!int '6'", 6),
        ("!!float 6", 6.0),
        ("!!bool true", True),
        ("!!null ''", None),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
        ("'$width'", "$width"),
        (
            "{1: a, 02: b, '3': c, true: d, 1.5: e, ~: f}",
            {1: "a", 2: "b", "3": "c", "true": "d", "1.5": "e", "~": "f"},
        ),
        ("{'<<': 1}", {"<<": 1}),
        ("{a, b: , c: 1}", {"a": None, "b": None, "c": 1}),
        ("? a\n: b\n", {"a": "b"}),
        ("a: 1", {"a": 1}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("a: 1\r\nb:\r\n  - 2\r\n", {"a": 1, "b": [2]}),
        ("a: 1\rb: 2\r", {"a": 1, "b": 2}),
        ("a: b #c\n#d\n", {"a": "b"}),
        ("a:\t1\n", {"a": 1}),
        ("größe: 🙂\n", {"größe": "🙂"}),
    ],
)
def test_values(text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[&a x, *a]", ["x", "x"]),
        ("[&a [1], &a [2], *a]", [[1], [2], [2]]),
        ("{a: &a {x: 1}, b: {<<: *a, y: 2}}", {"a": {"x": 1}, "b": {"y": 2, "x": 1}}),
        ("{a: &a {x: 1}, b: {x: 2, <<: *a}}", {"a": {"x": 1}, "b": {"x": 2}}),
        (
            "{a: &a {x: 1}, b: &b {x: 2, y: 2}, c: {<<: [*a, *b]}}",
            {"a": {"x": 1}, "b": {"x": 2, "y": 2}, "c": {"x": 1, "y": 2}},
        ),
        ("{a: {<<: {x: 1}}}", {"a": {"x": 1}}),
        ("{k: &k name, *k : 1}", {"k": "name", "name": 1}),
    ],
)
def test_anchors_and_merge_keys(text: str, value: object) -> None:
    assert read(text) == value


def test_places_count_characters_from_one() -> None:
    root = read_text('# 🙂\ngröße: {"🙂": [é, {x: 1}], y:  2}\nlist:\n  - a: 1\n    b: \n', "f.yaml").root
    assert isinstance(root, Mapping)
    found: list[tuple[str, int, int]] = []

    def walk(node: Node) -> None:
        found.append((node.place.path, node.place.line, node.place.column))
        for child in node.items if isinstance(node, Sequence) else ():
            walk(child)
        for child in node.entries.values() if isinstance(node, Mapping) else ():
            walk(child)

    walk(root)
    assert found == [
        ("", 2, 1),
        ("größe", 2, 8),
        ("größe.🙂", 2, 14),
        ("größe.🙂[0]", 2, 15),
        ("größe.🙂[1]", 2, 18),
        ("größe.🙂[1].x", 2, 22),
        ("größe.y", 2, 31),
        ("list", 4, 3),
        ("list[0]", 4, 5),
        ("list[0].a", 4, 8),
        ("list[0].b", 5, 7),
    ]
    assert [(p.line, p.column) for p in root.keys.values()] == [(2, 1), (3, 1)]
    assert {node.place.file for node in root.entries.values()} == {"f.yaml"}


def test_a_key_written_as_an_alias_stands_where_the_alias_stands() -> None:
    root = read_text("a: &k name\n*k : 1\n").root
    assert isinstance(root, Mapping)
    assert (root.keys["name"].line, root.keys["name"].column) == (2, 1)


def test_what_is_merged_keeps_its_place() -> None:
    root = read_text("a: &a {x: 1}\nb:\n  <<: *a\n").root
    assert isinstance(root, Mapping)
    b = root.entries["b"]
    assert isinstance(b, Mapping)
    assert (b.entries["x"].place.line, b.keys["x"].line) == (1, 1)


def test_holes_are_counted_wherever_a_value_may_stand() -> None:
    document = read_text(
        "a: ???\nb: [???, {c: ???, ???: 1}]\n- : x\n".replace("- : x\n", "d: '???'\ne: a ???\n")
    )
    assert [(p.line, p.column, p.path) for p in document.holes] == [
        (1, 4, "a"),
        (2, 5, "b[0]"),
        (2, 14, "b[1].c"),
        (2, 19, "b[1]"),
    ]
    assert values(document.root) == {
        "a": "???",
        "b": ["???", {"c": "???", "???": 1}],
        "d": "???",
        "e": "a ???",
    }


DEEPEST = "[" * MAX_DEPTH + "]" * MAX_DEPTH
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}, *a{i - 1}], k{i}: 1}}\n" for i in range(1, 30)
)
CHAIN = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: 1}}\n" for i in range(1, 3000))
WIDE_MERGE = (
    "a: &a {"
    + ", ".join(f"k{i}: 1" for i in range(300))
    + "}\n"
    + "".join(f"b{i}: {{<<: *a}}\n" for i in range(900))
)
DEEP_ALIAS = "a: &a " + "[" * 60 + "]" * 60 + "\nb: &b " + "[" * 60 + "*a" + "]" * 60 + "\nc: *b\n"
FULL = "[" + ",".join(["a"] * (MAX_NODES - 1)) + "]"
VALUES = "expected at most 100,000 values, found more; an alias counts for all it repeats"
LEVELS = "expected at most 64 levels of nesting, found more"
LARGE = "f:1:1: expected at most 1 MiB, found a larger file Hint: A spec is a page or two of text."
EMPTY = "f:1:1: expected YAML, found nothing Hint: The file is empty, or holds comments only."


def test_what_is_at_the_limits_passes() -> None:
    assert isinstance(read_text(DEEPEST).root, Sequence)
    root = read_text(FULL).root
    assert isinstance(root, Sequence) and len(root.items) == MAX_NODES - 1
    assert read("x" * MAX_BYTES) == "x" * MAX_BYTES


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[" * 30_000, f"f:1:65: {LEVELS}"),
        ("[" + DEEPEST + "]", f"f:1:65: {LEVELS}"),
        ("[" * MAX_BYTES, f"f:1:65: {LEVELS}"),
        ("{" * MAX_BYTES, f"f:1:65: {LEVELS}"),
        ("[\n" * (MAX_BYTES // 2), f"f:65:1: {LEVELS}"),
        ("- " * (MAX_BYTES // 2), f"f:1:129: {LEVELS}"),
        ("? " * (MAX_BYTES // 2), f"f:1:129: {LEVELS}"),
        ("{? " * 1000, f"f:1:193: {LEVELS}"),
        ("&a [" * 1000, f"f:1:257: {LEVELS}"),
        ("".join(" " * i + "a:\n" for i in range(900)), f"f:65:65: {LEVELS}"),
        (DEEP_ALIAS, f"f:2:67: {LEVELS}"),
        (CHAIN, f"f:64:16: {LEVELS}"),
        (FULL.replace("[a", "[a,a", 1), f"f:1:200000: {VALUES}"),
        ("- a\n" * (MAX_BYTES // 4), f"f:100000:3: {VALUES}"),
        ("- *a\n" * (MAX_BYTES // 5), f"f:100000:3: {VALUES}"),
        ("a: 1\n" * (MAX_BYTES // 5), f"f:50000:4: {VALUES}"),
        ("? [a]\n: b\n" * (MAX_BYTES // 10), f"f:66667:3: {VALUES}"),
        (BOMB, f"f:15:18: {VALUES}"),
        (MERGE_BOMB, f"f:10:20: {VALUES}"),
        (WIDE_MERGE, f"f:166:12: {VALUES}"),
        ("x" * (MAX_BYTES + 1), LARGE),
        ("é" * (MAX_BYTES // 2 + 1), LARGE),
        ("", EMPTY),
        ("\n" * MAX_BYTES, EMPTY),
        ("# a\n" * (MAX_BYTES // 4), EMPTY),
        (" " * MAX_BYTES, EMPTY),
        ("\r" * MAX_BYTES, EMPTY),
        ("\ufeff", EMPTY),
    ],
    ids=lambda value: ascii(value[:12]),
)
def test_a_limit_is_one_error_at_once(
    text: str, line: str, complaints: Complaints, yardstick: Yardstick
) -> None:
    assert yardstick.holds(lambda: complaints(lambda: read_text(text, "f")), most=1500) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "9" * MAX_BYTES,
        "0x" + "f" * (MAX_BYTES - 2),
        "1" * 500_000 + "/" + "1" * 500_000,
        "a: |\n" + "  x\n" * (MAX_BYTES // 4 - 10),
        "a: >\n" + "  x\n" * (MAX_BYTES // 4 - 10),
        '"' + "\\n" * (MAX_BYTES // 2 - 2) + '"',
        "x " * (MAX_BYTES // 2),
        "? " + "x" * (MAX_BYTES - 10),
    ],
    ids=lambda value: value[:8],
)
def test_a_single_large_value_is_read_at_once(text: str, yardstick: Yardstick) -> None:
    yardstick.holds(lambda: read_text(text), most=200)


@pytest.mark.parametrize(
    "text",
    [
        "]" * MAX_BYTES,
        ": " * (MAX_BYTES // 2),
        "a: " * (MAX_BYTES // 3),
        "[" + "," * (MAX_BYTES - 1),
        '"' + "x" * (MAX_BYTES - 1),
        "\t" * MAX_BYTES,
        "[a" + "{} " * (MAX_BYTES // 3 - 2),
        "{a: " + "b" * (MAX_BYTES - 20) + " c: d}",
        "a: 1\n" * 40_000 + " b: 2\n",
        "a: 1\n" * 100 + "x" * 900_000 + "\nb: 1\n",
        "%" * MAX_BYTES,
        "---\n" * (MAX_BYTES // 4),
        "|\n" * (MAX_BYTES // 2),
        "&a " * (MAX_BYTES // 3),
        "!a " * (MAX_BYTES // 3),
        "a: {k: \u00a0" + " x" * 400_000 + "]",
    ],
    ids=lambda value: ascii(value[:8]),
)
def test_a_large_mistake_is_found_at_once(text: str, complaints: Complaints, yardstick: Yardstick) -> None:
    found = yardstick.holds(lambda: complaints(lambda: read_text(text, "f")), most=600)
    assert all(len(line) < 500 for line in found)


def unseen(at: str, what: str, escape: str) -> str:
    return (
        f"f:{at}: expected text, found the {what} Hint: Remove it, or write `{escape}` inside double quotes."
    )


UTF8 = "Hint: Save the file as UTF-8."


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a: \x00", unseen("1:4", "control character U+0000", "\\u0000")),
        (b"a: 1\r\nb: \x1b[31m", unseen("2:4", "control character U+001B", "\\u001b")),
        ("a: 1\nb: é\x85".encode(), unseen("2:5", "control character U+0085", "\\u0085")),
        ("a: \u2028".encode(), unseen("1:4", "invisible character U+2028", "\\u2028")),
        ("a: b\ufeff".encode(), unseen("1:5", "invisible character U+FEFF", "\\ufeff")),
        ("\U0010ffff".encode(), unseen("1:1", "invisible character U+10FFFF", "\\U0010ffff")),
        ("a".encode("utf-16-le"), unseen("1:2", "control character U+0000", "\\u0000")),
        ("a: 1".encode("utf-16"), f"f:1:1: expected UTF-8 text, found UTF-16 {UTF8}"),
        (b"a: \xff", f"f:1:4: expected UTF-8 text, found the byte 0xff {UTF8}"),
        ("größe: ".encode() + b"\xe4", f"f:1:8: expected UTF-8 text, found the byte 0xe4 {UTF8}"),
        (b"a\rb\r\nc\n\xc0", f"f:4:1: expected UTF-8 text, found the byte 0xc0 {UTF8}"),
        (b"\xed\xa0\x80", f"f:1:1: expected UTF-8 text, found the byte 0xed {UTF8}"),
        (b"\xff" * (MAX_BYTES + 1), LARGE),
        (b"", EMPTY),
    ],
)
def test_bytes_that_are_no_text(data: bytes, line: str, complaints: Complaints) -> None:
    assert complaints(lambda: read_bytes(data, "f")) == [line]


def test_a_lone_surrogate_is_no_text(complaints: Complaints) -> None:
    expected = [unseen("1:4", "invisible character U+D800", "\\ud800")]
    assert complaints(lambda: read_text("a: \ud800", "f")) == expected


def test_a_syntax_error_ends_the_reading_and_keeps_what_came_before(complaints: Complaints) -> None:
    found = complaints(lambda: read_text("a: 1\na: 2\nb: [1\n", "f"))
    assert [line.partition(" Hint")[0] for line in found] == [
        "f:2:1: a: the key `a` stands twice in this mapping, first in line 1",
        "f:3:4: this `[` is not closed: expected `,` or `]`, found the end of the file",
    ]


def test_read_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1")
    document = read_file(path)
    assert (document.file, document.text, values(document.root)) == (str(path), "a: 1", {"a": 1})


def test_a_file_without_a_way_in_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing.yaml")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are files on POSIX alone")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("folder", "a folder"),
        ("pipe", "a pipe"),
        ("zero", "a device"),
        ("link", "a device"),
        ("null", "a device"),
    ],
)
def test_what_is_no_file_is_refused_and_never_waited_for(
    kind: str, found: str, tmp_path: Path, complaints: Complaints
) -> None:
    path = tmp_path / "model.yaml"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "zero":
            path = Path("/dev/zero")
        case "null":
            path = Path("/dev/null")
        case "link":
            path.symlink_to("/dev/zero")
    assert complaints(lambda: read_file(path)) == [f"{path}:1:1: expected a file, found {found}"]


def test_a_sparse_file_of_ten_gigabytes_is_not_read(tmp_path: Path, complaints: Complaints) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(10 << 30)
    assert complaints(lambda: read_file(path)) == [LARGE.replace("f:", f"{path}:", 1)]

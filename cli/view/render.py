"""How results look: lines of styled pieces, coloured on a terminal and plain everywhere else.

Text of a user's is never markup here: a line is pieces of (style, text), and control characters are shown,
not sent. rich is imported only when there is a terminal to colour.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from builder.errors import GradspecError, Place, SpecError, SpecErrors
from builder.language.source import MAX_BYTES

if TYPE_CHECKING:
    from rich.text import Text

Piece = tuple[str, str]
Line = tuple[Piece, ...]

STYLES: Final = {
    "": "",
    "error": "bold red",
    "advice": "bold yellow",
    "good": "bold green",
    "place": "bold",
    "hint": "cyan",
    "dim": "dim",
    "title": "bold cyan",
}
_WIDE: Final = ("W", "F")
_ELLIPSIS: Final = "…"


def width() -> int:
    """How many columns there are: the terminal's, $COLUMNS, or 80."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def plain(text: str) -> str:
    """The text with every character that would command a terminal written out."""
    return "".join(
        c if c.isprintable() or c in "\n\u200d" else c.encode("unicode_escape").decode() for c in text
    )


def columns(text: str) -> int:
    """How many columns the text takes: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in _WIDE else 1 for c in text
    )


def pad(text: str, wide: int, *, right: bool = False) -> str:
    """The text with spaces up to ``wide`` columns, and at least as it is."""
    spaces = " " * (wide - columns(text))
    return spaces + text if right else text + spaces


def show(lines: Iterable[Line], stream: IO[str] | None = None) -> None:
    """Writes the lines, coloured if the stream is a terminal."""
    stream = stream or sys.stdout
    if not stream.isatty():
        stream.writelines("".join(plain(text) for _, text in line).rstrip() + "\n" for line in lines)
        return
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    for line in lines:
        console.print(styled(line), soft_wrap=True)


def styled(line: Line) -> Text:
    """The line as rich shows it."""
    from rich.text import Text

    return Text.assemble(*((plain(text), STYLES[style]) for style, text in line))


def show_json(data: object) -> None:
    """Writes data for a program to read."""
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False))


def wrapped(text: str, indent: str = "", style: str = "") -> list[Line]:
    """A paragraph within the width, indented; its own line breaks are kept."""
    room = max(20, width() - len(indent))
    return [
        (("", indent), (style, part))
        for line in text.split("\n")
        for part in textwrap.wrap(line, room, break_on_hyphens=False, break_long_words=False) or [""]
    ]


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = "", foot: Sequence[str] | None = None
) -> Iterator[Line]:
    """A table within the width. ``right`` has an ``r`` for each column that stands to the right.

    A last cell that would run over the edge is broken after its semicolons, else at spaces; where there is no
    room for even that, it goes below its row.
    """
    body = [[plain(cell) for cell in row] for row in rows]
    every = [list(head), *body, *([list(foot)] if foot else [])]
    widths = [max(columns(row[i]) for row in every) for i in range(len(head))]
    left = sum(widths[:-1]) + 2 * (len(head) - 1)
    align = right.ljust(len(head))

    def lines(row: Sequence[str], style: str) -> Iterator[Line]:
        cells = [pad(c, w, right=a == "r") for c, w, a in zip(row, widths, align, strict=True)]
        start = "".join(cell + "  " for cell in cells[:-1])
        if left + columns(cells[-1].rstrip()) <= width():
            yield ((style, (start + cells[-1]).rstrip()),)
            return
        indent, parts = _broken(row[-1], left)
        if indent < left:
            yield ((style, start.rstrip()),)
        for number, part in enumerate(parts):
            yield ((style, (start if number == 0 and indent == left else " " * indent) + part),)

    yield from lines(head, "title")
    for row in body:
        yield from lines(row, "")
    if foot:
        yield (("dim", "─" * min(left + widths[-1], width())),)
        yield from lines(foot, "place")


def _broken(cell: str, left: int) -> tuple[int, list[str]]:
    """A long last cell in lines, and where these start: in their column, or further left if they must."""
    parts = cell.split(";  ")
    if max(map(columns, parts)) <= width() - left:
        return left, parts
    indent = left if width() - left >= 32 and len(parts) == 1 else min(left, 6)
    if indent < left and columns(cell) <= width() - indent:
        return indent, [cell]
    return indent, [line for part in parts for line in textwrap.wrap(part, width() - indent)]


def problems(failure: SpecErrors) -> list[Line]:
    """All errors and all advice of a file, each with its line and a caret, and a count."""
    shown = [line for error in failure.errors for line in (*_entry(error, "error"), ())]
    shown += advice(failure.advice)
    shown.append((("error", f"{_count(failure.errors)}."),))
    return shown


def advice(found: Iterable[SpecError]) -> list[Line]:
    """Advice, which fails nothing."""
    return [line for error in found for line in (*_entry(error, "advice"), ())]


def failure(error: GradspecError) -> list[Line]:
    """Something wrong that has no place in a file."""
    lines = [(("error", "Error: "), ("", error.problem))]
    return lines + ([(("hint", f"Hint: {error.hint}"),)] if error.hint else [])


def holes(places: Sequence[Place]) -> Line:
    """The places a starter left to be filled, in one line."""
    lines = sorted({place.line for place in places})
    many = f"{len(places)} places" if len(places) > 1 else "1 place"
    where = f"lines {', '.join(map(str, lines))}" if len(lines) > 1 else f"line {lines[0]}"
    return (("advice", f"{many} to fill: {where}"),)


def as_json(failure: GradspecError | None, found: Iterable[SpecError] = ()) -> dict[str, Any]:
    """Errors and advice as data: what ``--json`` writes."""
    errors: Iterable[SpecError] = ()
    if isinstance(failure, SpecErrors):
        errors, found = failure.errors, failure.advice
    elif failure is not None:
        entry = {"file": None, "line": None, "column": None, "path": None}
        return {"errors": [entry | {"problem": failure.problem, "hint": failure.hint}], "advice": []}
    return {"errors": [_data(e) for e in errors], "advice": [_data(e) for e in found]}


def _data(error: SpecError) -> dict[str, Any]:
    return {key: getattr(error, key) for key in ("file", "line", "column", "path", "problem", "hint")}


def _count(errors: Sequence[SpecError]) -> str:
    files = sorted({error.file for error in errors})
    where = files[0] if len(files) == 1 else f"{len(files)} files"
    return f"1 error in {where}" if len(errors) == 1 else f"{len(errors)} errors in {where}"


def _entry(error: SpecError, style: str) -> Iterator[Line]:
    label = "advice: " if style == "advice" else ""
    place = f"{error.file}:{error.line}:{error.column}: "
    yield (("place", place), (style, label), ("", error.problem))
    source = _source_line(error)
    gutter = " " * len(str(error.line))
    if source is not None:
        shown, offset = _fit(plain(source), error.column, width() - len(gutter) - 5)
        yield (("dim", f"  {error.line} │ "), ("", shown))
        yield (("dim", f"  {gutter} │ "), (style, " " * offset + "^"))
    about = [f"at {error.path}"] if error.path else []
    about += [f"used at line {place.line}" for place in error.used_at]
    if about:
        yield (("dim", f"  {gutter}   {', '.join(about)}"),)
    if error.hint:
        yield from wrapped(f"Hint: {error.hint}", f"  {gutter}   ", "hint")


def _source_line(error: SpecError) -> str | None:
    """The line an error is about, if its file can still be read: never from a pipe or a device."""
    path = Path(error.file)
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except (OSError, ValueError):
        return None
    if not 1 <= error.line <= len(lines) or not lines[error.line - 1].strip():
        return None
    return lines[error.line - 1].rstrip("\r").replace("\t", " ")


def _fit(line: str, column: int, room: int) -> tuple[str, int]:
    """The part of a line around ``column`` that fits, and how far from its start the caret stands."""
    before = min(column - 1, len(line))
    start = 0
    if len(line) > room:
        start = max(0, min(before - room // 2, len(line) - room))
    shown = line[start : start + room]
    if start:
        shown = _ELLIPSIS + shown[1:]
    if start + room < len(line):
        shown = shown[:-1] + _ELLIPSIS
    return shown, columns(shown[: before - start])

"""Text files that hold data: one beside the spec, or one that ships with this package. Without torch."""

from __future__ import annotations

import csv
import io
import re
import stat
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from builder.errors import Cause, did_you_mean

MAX_BYTES: Final = 64 << 20
MAX_COLUMNS: Final = 10_000
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


class Table(NamedTuple):
    """A table's column names and its rows, each as wide as the header, all of it text.

    ``lines`` are the lines of the file on which the rows end, counted from 1.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> tuple[str, ...]:
        """The values under ``name``. Raises ``Cause`` if there is no such column."""
        if name not in self.names:
            hint = did_you_mean(name, self.names) or f"It has {', '.join(self.names[:8])}."
            raise Cause(f"the table has no column `{name}`", hint, field="column")
        place = self.names.index(name)
        return tuple(row[place] for row in self.rows)


def read_data(folder: Path, path: str | None, shipped: str | None) -> str:
    """The text of the file ``path``, inside ``folder``, or of the shipped file ``shipped``.

    Line ends become ``\\n``. Raises ``Cause``, with the field, for a path that leaves the folder, and for a
    file that is missing, no plain file, larger than 64 MiB, or not UTF-8.
    """
    if shipped is not None:
        return resources.files("specs").joinpath("data", shipped).read_text(encoding="utf-8")
    assert path is not None, "one of the two is written"
    root = folder.resolve()
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root):
            problem = f"the path `{path}` leaves the folder of the file that names it"
            raise Cause(problem, "Copy the data there.", field="path")
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Cause(f"expected a file at `{path}`, found something else", field="path")
        if found.st_size > MAX_BYTES:
            size = f"{found.st_size / 2**20:.0f} MiB"
            problem = f"the file `{path}` has {size}, and {MAX_BYTES >> 20} are allowed"
            raise Cause(problem, field="path")
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = f"there is no file `{path}`"
        raise Cause(problem, f"It is looked for in {root}.", field="path") from None
    except UnicodeDecodeError as error:
        problem = f"the file `{path}` is no UTF-8 text: its byte {error.start + 1:,} is none of it"
        raise Cause(problem, field="path") from None
    except (OSError, ValueError) as error:  # a control character in the path is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise Cause(f"the file `{path}` cannot be read: {reason}", field="path") from None


def number(text: str) -> float | None:
    """The number that a value of a table spells in digits; none for anything else, `nan` and `1_000` too.

    >>> number(" -1.5e3"), number("1_000"), number("inf")
    (-1500.0, None, None)
    """
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def read_table(text: str) -> Table:
    """A CSV with a header line, in which each column has a name of its own.

    Raises ``Cause`` for another header, and for a line that has more or fewer values than it.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        found = [(reader.line_num, tuple(row)) for row in reader if row]
    except csv.Error as error:
        raise Cause(f"the table is no CSV: {error}", field="path") from None
    if not found:
        raise Cause("the table is empty", field="path")
    (_, header), *rows = found
    names = _names(header)
    for line, row in rows:
        if len(row) != len(names):
            problem = f"row {line} of the table has {len(row)} values, and the header {len(names)}"
            raise Cause(problem, field="path")
    return Table(names, tuple(row for _, row in rows), tuple(line for line, _ in rows))


def _names(header: tuple[str, ...]) -> tuple[str, ...]:
    """The columns' names. Raises ``Cause`` for too many, none, two alike, and a header that is data."""
    names = tuple(name.strip() for name in header)
    if len(names) > MAX_COLUMNS:
        raise Cause(f"the table has {len(names):,} columns, and {MAX_COLUMNS:,} are allowed", field="path")
    if all(number(name) is not None for name in names):
        problem = "the table has no header: its first row holds numbers alone"
        raise Cause(problem, "Write the columns' names above it, as in `day,price`.", field="path")
    for place, name in enumerate(names):
        if not name:
            hint = "Name it; pandas leaves its index out with `to_csv(…, index=False)`."
            raise Cause(f"column {place + 1} of the table has no name", hint, field="path")
        if name in names[:place]:
            problem = f"columns {names.index(name) + 1} and {place + 1} of the table are both called `{name}`"
            raise Cause(problem, "Rename one of the two.", field="path")
    return names


def one_of_two(path: str | None, shipped: str | None, example: str) -> None:
    """Raises ``Cause`` unless exactly one of ``path`` and ``shipped`` is written."""
    if (path is None) == (shipped is None):
        found = "neither" if path is None else "both"
        hint = f"`path` is a file of your own; `shipped: {example}` comes along."
        raise Cause(f"expected `path` or `shipped`, found {found}", hint)

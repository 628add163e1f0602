"""Files that a spec names: one beside the spec, or one that ships with this package. Without torch."""

from __future__ import annotations

import csv
import importlib.util
import io
import re
import stat
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from builder.errors import Cause, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES: Final = 64 << 20
MAX_CLASSIFIER_BYTES: Final = 256 << 20  # of an ONNX file
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
    r"""The text of the file ``path``, inside ``folder``, or of the shipped file ``shipped``.

    Line ends become ``\n``. Raises ``Cause``, with the field, for a path that leaves the folder, and for a
    file that is missing, no plain file, larger than 64 MiB, or not UTF-8.
    """
    if shipped is not None:
        return resources.files("specs").joinpath("data", shipped).read_text(encoding="utf-8")
    assert path is not None, "one of the two is written"
    file = find_file(folder, path)
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"the file `{path}` is no UTF-8 text: its byte {error.start + 1:,} is none of it"
        raise Cause(problem, field="path") from None
    except OSError as error:
        raise _unread(path, folder, error, "path") from None


def find_file(folder: Path, path: str, field: str = "path", most: int = MAX_BYTES) -> Path:
    """The plain file ``path``, inside ``folder``, of at most ``most`` bytes.

    Raises ``Cause``, with the field, for a path that leaves the folder, and for a file that is missing, no
    plain file, or larger.
    """
    file = within(folder, path, field)
    try:
        about = file.stat()
    except OSError as error:
        raise _unread(path, folder, error, field) from None
    if not stat.S_ISREG(about.st_mode):
        raise Cause(f"expected a file at `{path}`, found something else", field=field)
    if about.st_size > most:
        size = f"{about.st_size / 2**20:.0f} MiB"
        raise Cause(f"the file `{path}` has {size}, and {most >> 20} are allowed", field=field)
    return file


def within(folder: Path, path: str, field: str = "path") -> Path:
    """Where ``path`` lies, seen from ``folder``. Raises ``Cause`` if that is not inside it."""
    root = folder.resolve()
    try:
        file = (root / path).resolve()
    except (OSError, ValueError) as error:  # a control character in the path is a ValueError
        raise _unread(path, folder, error, field) from None
    if not file.is_relative_to(root):
        problem = f"the path `{path}` leaves the folder of the file that names it"
        raise Cause(problem, "Copy the data there.", field=field)
    return file


def _unread(path: str, folder: Path, error: OSError | ValueError, field: str) -> Cause:
    if isinstance(error, FileNotFoundError):
        return Cause(f"there is no file `{path}`", f"It is looked for in {folder.resolve()}.", field=field)
    reason = getattr(error, "strerror", None) or error
    return Cause(f"the file `{path}` cannot be read: {reason}", field=field)


def packaged_bytes(package: str, path: str) -> NDArray[Any] | None:
    """The table of small whole numbers in a gzipped CSV inside an installed package; None if that is missing.

    The package is found, not imported: importing scikit-learn or pandas takes seconds, the table tenths.
    """
    import gzip

    import numpy as np

    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(spec.submodule_search_locations[0]) / path
    if not file.is_file():
        return None
    text = gzip.decompress(file.read_bytes()).rstrip(b"\n")
    rows = text.count(b"\n") + 1
    return np.fromstring(text.replace(b"\n", b","), dtype=np.uint8, sep=",").reshape(rows, -1)


def number(text: str) -> float | None:
    """The number that a value of a table spells in digits; None for anything else, `nan` and `1_000` too.

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
        numbered = [(reader.line_num, tuple(row)) for row in reader if row]
    except csv.Error as error:
        raise Cause(f"the table is no CSV: {error}", field="path") from None
    if not numbered:
        raise Cause("the table is empty", field="path")
    (_, header), *rows = numbered
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

"""The cells that ship with gradspec, and the comment above each: its paper, and what to know. Without torch.

A shipped cell is used where no other layer type has its name.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from builder.cells.cell import Cell
from builder.cells.reader import read_cell
from builder.errors import Report
from builder.language.nodes import Mapping
from builder.language.source import read_bytes

_CELL: Final = re.compile(r"^  ([A-Za-z]\w*):$", re.MULTILINE)


@cache
def shipped() -> dict[str, Path]:
    """The names of the shipped cells, and the file of each, read from the files' text."""
    package = find_spec("specs")
    assert package is not None and package.submodule_search_locations, "the package `specs` is missing"
    folder = Path(package.submodule_search_locations[0]) / "library"
    files = sorted(folder.glob("*.yaml"))
    return {name: file for file in files for name in _CELL.findall(file.read_text(encoding="utf-8"))}


@cache
def shipped_cell(name: str) -> Cell | None:
    """The shipped cell called ``name``, None where there is none. Raises ``SpecErrors`` for a cell that is wrong."""
    file = shipped().get(name)
    if file is None:
        return None
    cells = _shipped_cells(file)
    report = Report()
    cell = read_cell(name, cells.keys[name], cells.entries[name], report)
    report.raise_errors()
    return cell


@cache
def _shipped_cells(file: Path) -> Mapping:
    root = read_bytes(file.read_bytes(), f"specs/library/{file.name}").root
    cells = root.get("cells") if isinstance(root, Mapping) else None
    assert isinstance(cells, Mapping)
    return cells


def note(name: str) -> str:
    """The comment above a shipped cell as one paragraph: its paper, and what to know.

    A cell without a comment of its own shares that of the one above it. Raises ``KeyError``.
    """
    lines = shipped()[name].read_text(encoding="utf-8").split("\n")
    end = lines.index(f"  {name}:")
    while not lines[end - 1].startswith("  #"):
        end -= 1
    start = end
    while lines[start - 1].startswith("  #"):
        start -= 1
    return " ".join(line.removeprefix("  #").strip() for line in lines[start:end])

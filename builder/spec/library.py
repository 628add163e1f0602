"""The blocks and cells of the files that a spec names under `library`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from builder.cells.cell import Cell
from builder.cells.reader import read_cells
from builder.errors import Place, Report, SpecErrors
from builder.language.keys import has_hole, is_hole, read_keys
from builder.language.nodes import Document, Mapping, Node, Scalar, Sequence, describe
from builder.language.source import read_file
from builder.spec.written import LANGUAGE_VERSION, Block, Library

MAX_FILES: Final = 32
KEYS: Final = ("gradspec", "name", "library", "blocks", "cells")

ReadBlocks = Callable[[Document, Path], dict[str, Block]]


def read_libraries(node: Node | None, folder: Path, read_blocks: ReadBlocks, report: Report) -> Library:
    """The blocks and cells of the files that `library` names, and of those that these name in turn.

    Their paths are relative to the file that names them and stay in its ``folder`` or below. Everything
    wrong goes to ``report``, at the file and line where it stands.
    """
    reader = _LibraryReader(read_blocks, report)
    reader.files(node, folder, ())
    return Library(reader.blocks, reader.cells, tuple(reader.holes), reader.complete)


class _LibraryReader:
    def __init__(self, read_blocks: ReadBlocks, report: Report) -> None:
        self.read_blocks = read_blocks
        self.report = report
        self.blocks: dict[str, Block] = {}
        self.cells: dict[str, Cell | None] = {}
        self.holes: list[Place] = []
        self.complete = True
        self._seen: set[Path] = set()
        self._from: dict[str, str] = {}  # which file gave a name

    def files(self, node: Node | None, folder: Path, above: tuple[Path, ...]) -> None:
        """Reads each file of a list; ``above`` are the libraries that led here, resolved."""
        if node is None:
            return
        self.complete = self.complete and not has_hole(node)
        for item in node.items if isinstance(node, Sequence) else (node,):
            if is_hole(item):
                continue
            if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value:
                hint = "As in `library: [my_cells.yaml]`."
                self._unread(item.place, f"expected a file's path, found {describe(item)}", hint)
                continue
            self._file(item.value, item.place, folder, above)

    def _file(self, path: str, place: Place, folder: Path, above: tuple[Path, ...]) -> None:
        try:
            root = folder.resolve()
            resolved = (root / path).resolve()
        except (OSError, ValueError, RuntimeError):  # a NUL, a name too long, a link to itself
            self._unread(place, f"there is no file `{path}`")
            return
        if not resolved.is_relative_to(root):
            hint = "Copy it there: a library is in the same folder or below."
            self._unread(place, f"the path `{path}` leaves the folder of the file that names it", hint)
            return
        if resolved in above:
            chain = " → ".join(file.name for file in (*above[above.index(resolved) :], resolved))
            self._unread(place, f"the libraries name each other in a circle: {chain}", "Leave one out.")
            return
        if resolved in self._seen:
            return
        self._seen.add(resolved)
        if len(self._seen) > MAX_FILES:
            self._unread(place, f"expected at most {MAX_FILES} library files, found more")
            return
        document = self._document(folder / path, place)
        if document is not None:
            with self.report.used_at(place):
                self._read(document, (folder / path).parent, (*above, resolved))

    def _unread(self, place: Place, problem: str, hint: str | None = None) -> None:
        """Reports a file that cannot be read: what it would give is not known."""
        self.complete = False
        self.report.error(place, problem, hint)

    def _document(self, path: Path, place: Place) -> Document | None:
        try:
            return read_file(path)
        except OSError as error:
            problem = "there is no file" if isinstance(error, FileNotFoundError) else "cannot read the file"
            self._unread(place, f"{problem} `{path}`", "Its path is relative to the file that names it.")
        except SpecErrors as errors:
            with self.report.used_at(place):
                for wrong in errors.errors:
                    at = Place(wrong.file, wrong.line, wrong.column, wrong.path)
                    self._unread(at, wrong.problem, wrong.hint)
        return None

    def _read(self, document: Document, folder: Path, above: tuple[Path, ...]) -> None:
        root = document.root
        if not isinstance(root, Mapping):
            problem = f"expected a library with the keys `blocks` and `cells`, found {describe(root)}"
            self._unread(root.place, problem)
            return
        read_keys(root, KEYS, "a library", self.report)
        version = root.get("gradspec")
        if isinstance(version, Scalar) and version.value != LANGUAGE_VERSION:
            problem = f"expected the language version {LANGUAGE_VERSION}, found {describe(version)}"
            self.report.error(version.place, problem)
        self.files(root.get("library"), folder, above)
        self.holes.extend(document.holes)
        blocks = self.read_blocks(document, folder)
        cells = read_cells(root.get("cells"), self.report)
        for section, names in (("blocks", blocks), ("cells", cells)):
            node = root.get(section)
            assert isinstance(node, Mapping) or not names
            for name in names:
                if name in self._from and isinstance(node, Mapping):
                    problem = f"`{name}` stands in `{self._from[name]}` already"
                    self.report.error(node.keys[name], problem, "Rename one of the two.")
                self._from[name] = document.file
        self.blocks.update(blocks)
        self.cells.update(cells)

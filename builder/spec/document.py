"""From a document to a spec as it is written: its keys and its structure, every error collected.

Shapes and wiring follow in ``builder.elaborate.elaborate``. The language is described in docs/language.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.data.section import Data
from builder.errors import Cause, Place, Report
from builder.language.keys import checked_name, holes_of, is_hole, misspelt, read_keys
from builder.language.names import check_name
from builder.language.nodes import Document, Mapping, Node, Scalar, describe
from builder.reader import Reader, Unknown, Unresolved
from builder.spec.inputs import InputReader
from builder.spec.items import ItemReader
from builder.spec.written import LANGUAGE_VERSION, SAID_BY_DATA, Block, Library, WrittenSpec
from builder.training.section import Train

if TYPE_CHECKING:  # a spec without cells does not pay for them
    from builder.cells.cell import Cell

KEYS: Final = (
    "gradspec", "name", "library", "input", "inputs", "constants", "blocks", "cells", "layers", "outputs",
    "expect", "init", "data", "train", "networks", "adversarial", "attacks",
)  # fmt: skip
NETWORK_KEYS: Final = ("input", "inputs", "layers", "outputs", "expect", "init")
BLOCK_KEYS: Final = ("parameters", "inputs", "layers")


def read_network(name: str, node: Mapping, shared: WrittenSpec, report: Report) -> WrittenSpec:
    """One of the `networks` of the spec ``shared``, whose constants, blocks and cells it may use."""
    document = replace(shared.document, root=node, holes=tuple(holes_of(node)))
    return DocumentReader(document, shared.folder, node, report).network(name, shared)


def has_several(root: Mapping) -> bool:
    """Whether the spec is one of several networks."""
    return any(key in root.entries for key in ("networks", "adversarial"))


class DocumentReader:
    """Reads the parts of the spec at ``root``, a mapping of ``document``; everything wrong goes to ``report``."""

    def __init__(self, document: Document, folder: Path, root: Mapping, report: Report) -> None:
        self.document = document
        self.folder = folder
        self.root = root
        self.report = report
        self.items = ItemReader(report, misspelt=misspelt("layers", root, KEYS))
        self.used: set[str] = set()
        self.constants: dict[str, object] = {}

    def spec(self) -> WrittenSpec:
        """The spec of one network; where there are several, what they share."""
        read_keys(self.root, KEYS, "a spec", self.report)
        self._version()
        self._constants()
        reader = Reader(self.report, self.constants, self.used)
        several = has_several(self.root)
        data_node, train_node = self.root.get("data"), self.root.get("train")
        data = reader.component(Data, data_node, data_node.place) if data_node is not None else None
        self._said_by_data(data)
        blocks = self._blocks()
        cells = self._cells(blocks)
        own = blocks.keys() | cells.keys()
        library = self._library()
        if library is not None:
            blocks = {name: block for name, block in library.blocks.items() if name not in own} | blocks
            cells = {name: cell for name, cell in library.cells.items() if name not in own} | cells
        alone = not several and ("layers" in self.root.entries or not misspelt("networks", self.root, KEYS))
        layers = self.items.layers(self.root.get("layers"), self.root.place, "a spec") if alone else ()
        train = None
        if train_node is not None and alone:
            train = reader.component(Train, train_node, train_node.place)
        return WrittenSpec(
            file=self.document.file,
            folder=self.folder,
            name=self._name(),
            document=self.document,
            inputs=InputReader(self.root, KEYS, reader, self.report).read() if alone else {},
            constants=self.constants,
            constants_used=self.used,
            blocks=blocks,
            cells={name: cell for name, cell in cells.items() if cell is not None},
            open_cells=frozenset(name for name, cell in cells.items() if cell is None),
            imported=frozenset((blocks.keys() | cells.keys()) - own),
            library=library,
            layers=layers,
            outputs=self._outputs() if alone else None,
            expect=self._mapping("expect"),
            init=self._mapping("init"),
            data=data,
            data_node=data_node,
            train=train,
            train_node=train_node,
        )

    def network(self, name: str, shared: WrittenSpec) -> WrittenSpec:
        """One of several networks, called ``name``: ``root`` is its mapping, ``shared`` the spec around it."""
        read_keys(self.root, NETWORK_KEYS, "a network", self.report)
        reader = Reader(self.report, shared.constants, shared.constants_used)
        layers = self.items.layers(self.root.get("layers"), self.root.place, "a network")
        return replace(
            shared,
            name=name,
            document=self.document,
            inputs=InputReader(self.root, NETWORK_KEYS, reader, self.report, "a network").read(),
            layers=layers,
            outputs=self._outputs(),
            expect=self._mapping("expect"),
            init=self._mapping("init"),
            data=None,
            data_node=None,
            train_node=None,
        )

    def _version(self) -> None:
        node = self.root.get("gradspec")
        if node is None or is_hole(node):
            return
        if not (isinstance(node, Scalar) and node.value == LANGUAGE_VERSION):
            self.report.error(
                node.place,
                f"expected the language version {LANGUAGE_VERSION}, found {describe(node)}",
                f"Write `gradspec: {LANGUAGE_VERSION}`, or leave the line out.",
            )

    def _name(self) -> str:
        node = self.root.get("name")
        if node is None or is_hole(node):
            return Path(self.document.file).stem if self.document.file[0] != "<" else "network"
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
            self.report.error(node.place, f"expected a text, found {describe(node)}")
            return "network"
        return node.value

    def _mapping(self, key: str) -> Mapping | None:
        node = self.root.get(key)
        if node is None or isinstance(node, Mapping):
            return node
        if not is_hole(node):
            self.report.error(node.place, f"expected a mapping, found {describe(node)}")
        return None

    def _constants(self) -> None:
        node = self._mapping("constants")
        for key, value in node.entries.items() if node else ():
            assert node is not None
            try:
                name = check_name(key)
                self.constants[name] = Reader(self.report, dict(self.constants), self.used).plain(value)
            except Cause as cause:
                self.report.error(node.keys[key], cause.problem, cause.hint)
            except Unknown:
                self.constants[name] = Unresolved()

    def _said_by_data(self, data: Data | None) -> None:
        """Adds ``$vocabulary`` and ``$classes``, as the data has them, if the spec may mean them."""
        wanted = [name for name in SAID_BY_DATA if name in self.document.text and name not in self.constants]
        if not wanted or self.root.get("data") is None:
            return
        try:
            info = data.describe(self.folder) if data is not None else None
        except Cause:  # reported where the data is held against the network
            info = None
        for name in wanted:
            size = None if info is None else (info.input.vocabulary, info.target.classes)[name == "classes"]
            if info is None or size is not None:
                self.constants[name] = Unresolved() if size is None else size
                self.used.add(name)

    def _blocks(self) -> dict[str, Block]:
        node = self._mapping("blocks")
        blocks: dict[str, Block] = {}
        for key, value in node.entries.items() if node else ():
            assert node is not None
            place = node.keys[key]
            checked_name(key, place, self.report)
            if not isinstance(value, Mapping):
                if not is_hole(value):
                    self.report.error(value.place, f"expected a block with `layers`, found {describe(value)}")
                blocks[str(key)] = Block(str(key), place, {}, ("input",), ())
                continue
            read_keys(value, BLOCK_KEYS, "a block", self.report)
            blocks[str(key)] = Block(
                str(key),
                place,
                self._parameters(value),
                self._block_inputs(value),
                self.items.layers(value.get("layers"), place, f"the block `{key}`"),
            )
        return blocks

    def _cells(self, blocks: dict[str, Block]) -> dict[str, Cell | None]:
        node = self.root.get("cells")
        if node is None:
            return {}
        from builder.cells.reader import read_cells

        cells = read_cells(node, self.report)
        for name in cells.keys() & blocks.keys():
            assert isinstance(node, Mapping)
            self.report.error(node.keys[name], f"`{name}` is a block already", "Give the cell another name.")
            del cells[name]
        return cells

    def _library(self) -> Library | None:
        node = self.root.get("library")
        if node is None:
            return None
        from builder.spec.library import read_libraries

        return read_libraries(node, self.folder, self._library_blocks, self.report)

    def _library_blocks(self, document: Document, folder: Path) -> dict[str, Block]:
        assert isinstance(document.root, Mapping)
        return DocumentReader(document, folder, document.root, self.report)._blocks()

    def _parameters(self, block: Mapping) -> dict[str, Node]:
        node = block.get("parameters")
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self.report.error(
                node.place,
                f"expected parameters with their defaults, found {describe(node)}",
                "As in `parameters: {channels: 64}`; `null` where there is no default.",
            )
            return {}
        for key, place in node.keys.items():
            checked_name(key, place, self.report)
        return {str(key): value for key, value in node.entries.items()}

    def _block_inputs(self, block: Mapping) -> tuple[str, ...]:
        node = block.get("inputs")
        if node is None:
            return ("input",)
        names = self.items.names(node, "a list of names")
        for name, place in names or ():
            checked_name(name, place, self.report)
        return tuple(name for name, _ in names) if names else ("input",)

    def _outputs(self) -> tuple[tuple[str, Place], ...] | None:
        node = self.root.get("outputs")
        return self.items.names(node, "a list of layers' names") if node is not None else None

"""From a document to a spec as it is written: its keys and its structure, every error collected.

Shapes and wiring follow in ``builder.elaborate.elaborate``. The language is described in docs/language.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.data.section import Data
from builder.errors import LONGEST_NAME, Cause, Place, Report, did_you_mean, nearest
from builder.language.keys import checked_name, has_hole, holes_of, is_hole, misspelt, read_keys
from builder.language.later import later
from builder.language.names import check_name
from builder.language.nodes import Document, Mapping, Node, Scalar, Sequence, describe
from builder.reader import Reader, Unknown, Unresolved
from builder.spec.inputs import InputReader
from builder.spec.spec import LANGUAGE_VERSION, SAID_BY_DATA, Block, Item, ModelSpec
from builder.training.section import Train

if TYPE_CHECKING:  # a spec without cells does not pay for them
    from builder.cells.cell import Cell
    from builder.spec.library import Library

KEYS: Final = (
    "gradspec", "name", "library", "input", "inputs", "constants", "blocks", "cells", "layers", "outputs",
    "expect", "init", "data", "train", "networks", "adversarial", "attacks",
)  # fmt: skip
NETWORK_KEYS: Final = ("input", "inputs", "layers", "outputs", "expect", "init")
ITEM_KEYS: Final = ("name", "from", "state_from", "init", "freeze", "norm", "repeat", "share", "layers")
BLOCK_KEYS: Final = ("parameters", "inputs", "layers")


def read_spec(document: Document, folder: Path, report: Report) -> ModelSpec | None:
    """The spec as written; everything wrong with its keys and structure goes to ``report``.

    Returns none if there is nothing to go on with.
    """
    root = document.root
    if not isinstance(root, Mapping):
        report.error(
            root.place,
            f"expected a spec with the keys `input` and `layers`, found {describe(root)}",
            "A spec is a mapping: `input: [1, 28, 28]`, then `layers:` and a list.",
        )
        return None
    if "assignment" in root.entries:
        report.error(
            root.keys["assignment"],
            "this is an assignment, not a model spec",
            "Grade with it: `gradspec grade ASSIGNMENT SUBMISSIONS --out DIR`.",
        )
        return None
    return _Writer(document, folder, root, report).spec()


def read_network(name: str, node: Mapping, shared: ModelSpec, report: Report) -> ModelSpec:
    """One of the `networks` of the spec ``shared``, whose constants, blocks and cells it may use."""
    document = replace(shared.document, root=node, holes=tuple(holes_of(node)))
    return _Writer(document, shared.folder, node, report).network(name, shared)


class _Writer:
    """Reads the parts of one spec."""

    def __init__(self, document: Document, folder: Path, root: Mapping, report: Report) -> None:
        self.document = document
        self.folder = folder
        self.root = root
        self.report = report
        self.used: set[str] = set()
        self.constants: dict[str, object] = {}

    def spec(self) -> ModelSpec:
        read_keys(self.root, KEYS, "a spec", self.report)
        self._version()
        self._constants()
        reader = Reader(self.report, self.constants, self.used)
        several = any(key in self.root.entries for key in ("networks", "adversarial"))
        data, train = self.root.get("data"), self.root.get("train")
        source = reader.component(Data, data, data.place) if data is not None else None
        self._said_by_data(source)
        blocks = self._blocks()
        cells = self._cells(blocks)
        own = blocks.keys() | cells.keys()
        library = self._library()
        if library is not None:
            blocks = {name: block for name, block in library.blocks.items() if name not in own} | blocks
            cells = {name: cell for name, cell in library.cells.items() if name not in own} | cells
        alone = not several and ("layers" in self.root.entries or not misspelt("networks", self.root, KEYS))
        layers = self._layers(self.root.get("layers"), self.root.place, "a spec") if alone else ()
        spec = ModelSpec(
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
            data=source,
            data_node=data,
            train=reader.component(Train, train, train.place) if train is not None and alone else None,
            train_node=train,
        )
        if several or "attacks" in self.root.entries:
            from builder.elaborate.several import with_networks

            return with_networks(spec, self.root, reader)
        return spec

    def network(self, name: str, shared: ModelSpec) -> ModelSpec:
        """The network that stands here, one of several."""
        read_keys(self.root, NETWORK_KEYS, "a network", self.report)
        reader = Reader(self.report, shared.constants, shared.constants_used)
        layers = self._layers(self.root.get("layers"), self.root.place, "a network")
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
            found = None if info is None else (info.input.vocabulary, info.target.classes)[name == "classes"]
            if info is None or found is not None:
                self.constants[name] = Unresolved() if found is None else found
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
                self._layers(value.get("layers"), place, f"the block `{key}`"),
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
        return _Writer(document, folder, document.root, self.report)._blocks()

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
        names = self._names(node, "a list of names")
        for name, place in names or ():
            checked_name(name, place, self.report)
        return tuple(name for name, _ in names) if names else ("input",)

    def _outputs(self) -> tuple[tuple[str, Place], ...] | None:
        node = self.root.get("outputs")
        return self._names(node, "a list of layers' names") if node is not None else None

    def _names(self, node: Node, expected: str) -> tuple[tuple[str, Place], ...] | None:
        """A name or a list of names, with their places."""
        if is_hole(node):
            return None
        items = node.items if isinstance(node, Sequence) else (node,)
        names: list[tuple[str, Place]] = []
        for item in items:
            if isinstance(item, Scalar) and isinstance(item.value, str) and item.value and not item.is_hole:
                names.append((item.value, item.place))
            elif not is_hole(item):
                self.report.error(item.place, f"expected {expected}, found {describe(item)}")
        if not items:
            self.report.error(node.place, f"expected {expected}, found an empty list")
        return tuple(names) if len(names) == len(items) and names else None

    def _layers(self, node: Node | None, place: Place, owner: str) -> tuple[Item, ...]:
        if node is None and owner in ("a spec", "a network") and misspelt("layers", self.root, KEYS):
            return (Item(place, unknown=True),)  # misspelt, and reported as that
        if node is None:
            self.report.error(place, f"{owner} needs `layers`", "As in `layers: [Flatten, {Linear: 10}]`.")
            return ()
        if is_hole(node):
            return (Item(node.place, unknown=True),)
        if not isinstance(node, Sequence):
            hint = "Each layer is an item of a list: begin its line with `- `."
            self.report.error(node.place, f"expected a list of layers, found {describe(node)}", hint)
            return (Item(node.place, unknown=True),)
        if not node.items:
            self.report.error(node.place, f"{owner} needs at least one layer")
            return (Item(node.place, unknown=True),)
        return tuple(self._item(item) for item in node.items)

    def _item(self, node: Node) -> Item:
        if isinstance(node, Scalar) and node.is_hole:
            return Item(node.place, unknown=True)
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            return Item(node.place, kind=node.value, kind_place=node.place)
        if not isinstance(node, Mapping):
            self.report.error(
                node.place,
                f"expected a layer as `Type` or `Type: {{…}}`, found {describe(node)}",
            )
            return Item(node.place, unknown=True)
        types = [key for key in node.entries if key not in ITEM_KEYS]
        if len(types) > 1 or not all(str(key)[:1].isupper() for key in types):
            unbuilt = later("an item of `layers`")
            for key in (key for key in types if key in unbuilt):
                self.report.error(node.keys[key], f"`{key}` is not available yet")
            types = [key for key in types if key not in unbuilt]
        holders = types + [key for key in ("share", "layers") if key in node.entries]
        if len(holders) != 1 or "???" in types:
            self._wrong_holders(node, [str(t) for t in types], [str(h) for h in holders])
            return Item(node.place, unknown=True)
        kind = str(types[0]) if types else None
        if kind is not None and len(kind) > LONGEST_NAME:
            self.report.error(node.keys[types[0]], f"there is no layer type of {len(kind):,} characters")
            return Item(node.place, unknown=True)
        name, inner, sources = node.get("name"), node.get("layers"), node.get("from")
        share = self._word(node.entries["share"], "a layer's name") if "share" in node.entries else None
        state = (
            self._word(node.entries["state_from"], "a layer's name") if "state_from" in node.entries else None
        )
        spoken = self._word(name, "a name") if name is not None else None
        if spoken is not None:
            checked_name(*spoken, self.report)
        return Item(
            place=node.place,
            kind=kind,
            kind_place=node.keys[types[0]] if types else node.keys[holders[0]],
            fields=node.entries[types[0]] if types else None,
            name=spoken[0] if spoken else None,
            open_name=is_hole(name),
            name_place=spoken[1] if spoken else None,
            sources=self._names(sources, "a layer's name, or a list of them")
            if sources is not None
            else None,
            init=node.get("init"),
            freeze=node.get("freeze"),
            norm=node.get("norm"),
            state_from=state,
            repeat=node.get("repeat"),
            share=share,
            layers=self._layers(inner, node.place, "a group") if inner is not None else None,
            unknown=("share" in node.entries and share is None)
            or ("state_from" in node.entries and state is None)
            or (sources is not None and has_hole(sources)),
        )

    def _word(self, node: Node, expected: str) -> tuple[str, Place] | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value and not node.is_hole:
            return node.value, node.place
        if not is_hole(node):
            self.report.error(node.place, f"expected {expected}, found {describe(node)}")
        return None

    def _wrong_holders(self, node: Mapping, types: list[str], holders: list[str]) -> None:
        if "???" in types:
            return
        if not holders:
            near = did_you_mean(next(iter(map(str, node.entries)), ""), ITEM_KEYS)
            self.report.error(
                node.place, "an item of `layers` needs a layer type", near if not node.entries else None
            )
            return
        places = {str(key): place for key, place in node.keys.items()}
        capital = [h for h in holders if h[:1].isupper()]
        small = [t for t in types if not t[:1].isupper()]
        if len(capital) == 1 and small:
            for key in small:
                hint = f"Fields go inside: `{capital[0]}: {{{key}: …}}`, or two columns further to the right."
                if near := nearest(key, ITEM_KEYS):
                    hint = f"Did you mean `{near}`?"
                elif not key.isidentifier():
                    hint = f"Write `{capital[0]}: {key}`."
                problem = f"`{key}` stands beside `{capital[0]}`, not in it"
                self.report.error(places[key], problem, hint)
            return
        found = " and ".join(f"`{h}`" for h in holders)
        self.report.error(
            places[holders[1]],
            f"an item of `layers` has one layer type, found {found}",
            "Begin a new item with `- ` for each layer.",
        )

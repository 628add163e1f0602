"""From a document to a spec as it is written: its keys and its structure, every error collected.

Shapes and wiring follow in ``builder.elaborate``. The language is described in docs/language.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from builder.dataset import Data
from builder.errors import Cause, Place, Report, did_you_mean, nearest
from builder.names import check_name
from builder.reader import Reader, Unknown, Unresolved
from builder.shapes import TensorType
from builder.source import Document, Mapping, Node, Scalar, Sequence, describe
from builder.spec import LANGUAGE_VERSION, Block, Item, ModelSpec
from builder.training.section import Train

KEYS: Final = (
    "gradspec", "name", "input", "inputs", "constants", "blocks", "layers", "outputs", "expect", "init",
    "data", "train",
)  # fmt: skip
KEYS_LATER: Final = frozenset({"library", "cells", "networks", "adversarial", "attacks", "weights", "output"})
ITEM_KEYS: Final = ("name", "from", "init", "freeze", "repeat", "share", "layers")
ITEM_KEYS_LATER: Final = frozenset({"norm", "state_from", "constraint"})
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


def read_keys(
    node: Mapping, known: tuple[str, ...], later: frozenset[str], owner: str, report: Report
) -> None:
    """Reports every key of ``node`` that is not known."""
    for key, place in node.keys.items():
        if key in known:
            continue
        if key in later:
            report.error(place, f"`{key}` is not available yet")
        else:
            report.error(place, f"{owner} has no key `{key}`", did_you_mean(str(key), known))


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
        read_keys(self.root, KEYS, KEYS_LATER, "a spec", self.report)
        self._version()
        self._constants()
        reader = Reader(self.report, self.constants, self.used)
        blocks = self._blocks()
        layers = self._layers(self.root.get("layers"), self.root.place, "a spec")
        inputs = self._inputs(reader)
        data, train = self.root.get("data"), self.root.get("train")
        spec = ModelSpec(
            file=self.document.file,
            folder=self.folder,
            name=self._name(),
            document=self.document,
            inputs=inputs,
            constants=self.constants,
            constants_used=self.used,
            blocks=blocks,
            layers=layers,
            outputs=self._outputs(),
            expect=self._mapping("expect"),
            init=self._mapping("init"),
            data=reader.component(Data, data, data.place) if data is not None else None,
            data_node=data,
            train=reader.component(Train, train, train.place) if train is not None else None,
            train_node=train,
        )
        return spec

    def _version(self) -> None:
        node = self.root.get("gradspec")
        if node is not None and not (isinstance(node, Scalar) and node.value == LANGUAGE_VERSION):
            self.report.error(
                node.place,
                f"expected the language version {LANGUAGE_VERSION}, found {describe(node)}",
                f"Write `gradspec: {LANGUAGE_VERSION}`, or leave the line out.",
            )

    def _name(self) -> str:
        node = self.root.get("name")
        if node is None or _is_hole(node):
            return Path(self.document.file).stem if self.document.file[0] != "<" else "network"
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
            self.report.error(node.place, f"expected a text, found {describe(node)}")
            return "network"
        return node.value

    def _mapping(self, key: str) -> Mapping | None:
        node = self.root.get(key)
        if node is None or isinstance(node, Mapping):
            return node
        if not _is_hole(node):
            self.report.error(node.place, f"expected a mapping, found {describe(node)}")
        return None

    def _constants(self) -> None:
        node = self._mapping("constants")
        for key, value in node.entries.items() if node else ():
            assert node is not None
            try:
                name = check_name(key)
                self.constants[name] = Unresolved()
                self.constants[name] = Reader(self.report, dict(self.constants), self.used).plain(value)
            except Cause as cause:
                self.report.error(node.keys[key], cause.problem, cause.hint)
            except Unknown:
                pass

    def _inputs(self, reader: Reader) -> dict[str, TensorType]:
        one, several = self.root.get("input"), self.root.get("inputs")
        if one is None and several is None and not nearest_key("input", self.root):
            self.report.error(
                self.root.place,
                "a spec needs `input`",
                "As in `input: [1, 28, 28]`: C, H, W, without the batch axis.",
            )
        if one is not None and several is not None:
            self.report.error(
                self.root.keys["inputs"], "expected `input` or `inputs`, found both", "Keep one."
            )
        if several is None:
            found = self._tensor(one, reader) if one is not None else None
            return {"input": found} if found else {}
        if not isinstance(several, Mapping):
            if not _is_hole(several):
                self.report.error(
                    several.place, f"expected a mapping of names to inputs, found {describe(several)}"
                )
            return {}
        inputs: dict[str, TensorType] = {}
        for key, node in several.entries.items():
            self._checked_name(key, several.keys[key])
            found = self._tensor(node, reader)
            if found:
                inputs[str(key)] = found
        return inputs

    def _tensor(self, node: Node, reader: Reader) -> TensorType | None:
        shape, vocabulary = node, None
        if isinstance(node, Mapping):
            read_keys(node, ("shape", "vocabulary"), frozenset(), "an input", self.report)
            inner, words = node.get("shape"), node.get("vocabulary")
            if inner is None:
                self.report.error(
                    node.place, "an input needs `shape`", "As in `{shape: [16], vocabulary: 80}`."
                )
                return None
            shape = inner
            if words is not None:
                vocabulary = self._whole(words, reader)
                if vocabulary is None:
                    return None
        sizes = self._shape(shape, reader)
        return TensorType(sizes, vocabulary) if sizes is not None else None

    def _shape(self, node: Node, reader: Reader) -> tuple[int, ...] | None:
        if _is_hole(node):
            return None
        if not isinstance(node, Sequence) or not node.items:
            hint = (
                f"Write `[{node.text}]`."
                if isinstance(node, Scalar) and isinstance(node.value, int)
                else None
            )
            self.report.error(
                node.place, f"expected a list of sizes without the batch axis, found {describe(node)}", hint
            )
            return None
        if len(node.items) > 8:
            self.report.error(node.place, f"an input of {len(node.items)} axes is too many", "8 are allowed.")
            return None
        sizes = [self._size(item, reader) for item in node.items]
        return (
            None if any(size is None for size in sizes) else tuple(size for size in sizes if size is not None)
        )

    def _size(self, node: Node, reader: Reader) -> int | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.isidentifier():
            self.report.error(
                node.place, f"an axis of free length (`{node.value}`) is not available yet", "Write its size."
            )
            return None
        return self._whole(node, reader)

    def _whole(self, node: Node, reader: Reader) -> int | None:
        try:
            value = reader.plain(node)
        except Unknown:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 40:
            self.report.error(node.place, f"expected a whole number of at least 1, found {describe(value)}")
            return None
        return value

    def _blocks(self) -> dict[str, Block]:
        node = self._mapping("blocks")
        blocks: dict[str, Block] = {}
        for key, value in node.entries.items() if node else ():
            assert node is not None
            place = node.keys[key]
            self._checked_name(key, place)
            if not isinstance(value, Mapping):
                if not _is_hole(value):
                    self.report.error(value.place, f"expected a block with `layers`, found {describe(value)}")
                blocks[str(key)] = Block(str(key), place, {}, ("input",), ())
                continue
            read_keys(value, BLOCK_KEYS, frozenset(), "a block", self.report)
            blocks[str(key)] = Block(
                str(key),
                place,
                self._parameters(value),
                self._block_inputs(value),
                self._layers(value.get("layers"), place, f"the block `{key}`"),
            )
        return blocks

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
            self._checked_name(key, place)
        return {str(key): value for key, value in node.entries.items()}

    def _block_inputs(self, block: Mapping) -> tuple[str, ...]:
        node = block.get("inputs")
        if node is None:
            return ("input",)
        names = self._names(node, "a list of names")
        for name, place in names or ():
            self._checked_name(name, place)
        return tuple(name for name, _ in names) if names else ("input",)

    def _outputs(self) -> tuple[tuple[str, Place], ...] | None:
        node = self.root.get("outputs")
        return self._names(node, "a list of layers' names") if node is not None else None

    def _names(self, node: Node, expected: str) -> tuple[tuple[str, Place], ...] | None:
        """A name or a list of names, with their places."""
        if _is_hole(node):
            return None
        items = node.items if isinstance(node, Sequence) else (node,)
        names: list[tuple[str, Place]] = []
        for item in items:
            if isinstance(item, Scalar) and isinstance(item.value, str) and item.value and not item.is_hole:
                names.append((item.value, item.place))
            elif not _is_hole(item):
                self.report.error(item.place, f"expected {expected}, found {describe(item)}")
        if not items:
            self.report.error(node.place, f"expected {expected}, found an empty list")
        return tuple(names) if len(names) == len(items) and names else None

    def _checked_name(self, name: object, place: Place) -> None:
        try:
            check_name(name)
        except Cause as cause:
            self.report.error(place, cause.problem, cause.hint)

    def _layers(self, node: Node | None, place: Place, owner: str) -> tuple[Item, ...]:
        if node is None and owner == "a spec" and nearest_key("layers", self.root):
            return (Item(place, unknown=True),)  # misspelt, and reported as that
        if node is None:
            self.report.error(place, f"{owner} needs `layers`", "As in `layers: [Flatten, {Linear: 10}]`.")
            return ()
        if _is_hole(node):
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
        for key in node.keys:
            if key in ITEM_KEYS_LATER:
                self.report.error(node.keys[key], f"`{key}` is not available yet")
        types = [key for key in node.entries if key not in ITEM_KEYS and key not in ITEM_KEYS_LATER]
        holders = types + [key for key in ("share", "layers") if key in node.entries]
        if len(holders) != 1 or "???" in types:
            self._wrong_holders(node, [str(t) for t in types], [str(h) for h in holders])
            return Item(node.place, unknown=True)
        kind = str(types[0]) if types else None
        name, inner, sources = node.get("name"), node.get("layers"), node.get("from")
        share = self._word(node.entries["share"], "a layer's name") if "share" in node.entries else None
        spoken = self._word(name, "a name") if name is not None else None
        if spoken is not None:
            self._checked_name(*spoken)
        return Item(
            place=node.place,
            kind=kind,
            kind_place=node.keys[types[0]] if types else node.keys[holders[0]],
            fields=node.entries[types[0]] if types else None,
            name=spoken[0] if spoken else None,
            name_place=spoken[1] if spoken else None,
            sources=self._names(sources, "a layer's name, or a list of them")
            if sources is not None
            else None,
            init=node.get("init"),
            freeze=node.get("freeze"),
            repeat=node.get("repeat"),
            share=share,
            layers=self._layers(inner, node.place, "a group") if inner is not None else None,
            unknown=("share" in node.entries and share is None)
            or (sources is not None and _has_hole(sources)),
        )

    def _word(self, node: Node, expected: str) -> tuple[str, Place] | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value and not node.is_hole:
            return node.value, node.place
        if not _is_hole(node):
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


def nearest_key(wanted: str, node: Mapping) -> bool:
    """Whether one of the keys was most likely meant to be ``wanted``."""
    return any(nearest(str(key), KEYS) == wanted for key in node.entries if key not in KEYS)


def _is_hole(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_hole


def _has_hole(node: Node) -> bool:
    return _is_hole(node) or (isinstance(node, Sequence) and any(_is_hole(item) for item in node.items))

"""A spec as its file says it: items, blocks and sections, with the nodes they were read from.

``builder.load`` makes a ``ModelSpec`` of it once its graph is worked out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from builder.data.section import Data
from builder.errors import Place
from builder.language.nodes import Document, Mapping, Node
from builder.shapes import TensorType
from builder.training.section import Train

if TYPE_CHECKING:  # a spec without cells does not pay for them
    from builder.cells.cell import Cell
    from builder.games.section import Adversarial
    from builder.games.training import Game
    from builder.robustness.attacks.attack import Attack

LANGUAGE_VERSION: Final = 1
SAID_BY_DATA: Final = ("vocabulary", "classes")  # what `$name` means where the data says it


class Item(NamedTuple):
    """One item of ``layers`` as written.

    ``kind`` is the name of its type, None for ``share`` and groups; ``fields`` is the node behind that name.
    ``sources`` are the names in ``from`` with their places, None where the item reads the one above. Nodes are
    not evaluated: they may hold expressions. An ``unknown`` item is a hole, or is wrong and reported. With
    ``open_name`` its name alone is a hole.
    """

    place: Place
    kind: str | None = None
    kind_place: Place | None = None
    fields: Node | None = None
    name: str | None = None
    name_place: Place | None = None
    sources: tuple[tuple[str, Place], ...] | None = None
    init: Node | None = None
    freeze: Node | None = None
    norm: Node | None = None
    state_from: tuple[str, Place] | None = None
    repeat: Node | None = None
    share: tuple[str, Place] | None = None
    layers: tuple[Item, ...] | None = None
    unknown: bool = False
    open_name: bool = False

    def field_place(self, name: str | None) -> Place:
        """Where the field called ``name`` is written, or else the name of the type."""
        if name == "from" and self.sources:
            return self.sources[0][1]
        if name is not None and isinstance(self.fields, Mapping) and name in self.fields.entries:
            return self.fields.entries[name].place
        return self.kind_place or self.place


class Block(NamedTuple):
    """A layer type of the user's own.

    ``parameters`` are the nodes of the defaults; a default of `null` means that each use gives a value.
    """

    name: str
    place: Place
    parameters: dict[str, Node]
    inputs: tuple[str, ...]
    layers: tuple[Item, ...]


@dataclass(frozen=True)
class Library:
    """The blocks and cells of library files. A cell is None if it is wrong (reported) or has a hole.

    ``complete`` is false if a file could not be read (reported): names may be missing.
    """

    blocks: dict[str, Block]
    cells: dict[str, Cell | None]
    holes: tuple[Place, ...]
    complete: bool


@dataclass(frozen=True, eq=False)
class WrittenSpec:
    """A spec as its file says it: sections read, the network not yet worked out.

    ``folder`` is what its paths are relative to. ``blocks`` and ``cells`` are its own and those of its libraries,
    whose names are ``imported``; ``open_cells`` are the names of cells that are wrong or have holes, of which
    nothing more is known. ``constants_used`` grows while expressions are evaluated. A field that ends in ``node``
    is the node of a section, for the places of errors.

    Where the spec has several ``networks``, each is a spec of its own, without data and training. Where two of them
    play against each other, as ``adversarial`` says, `train` is read as a ``game``, not as ``train``.
    """

    file: str
    folder: Path
    name: str
    document: Document = field(repr=False)
    inputs: dict[str, TensorType]
    constants: dict[str, object]
    constants_used: set[str] = field(repr=False)
    blocks: dict[str, Block] = field(repr=False)
    cells: dict[str, Cell] = field(repr=False)
    open_cells: frozenset[str] = field(repr=False)
    imported: frozenset[str] = field(repr=False)
    library: Library | None = field(repr=False)
    layers: tuple[Item, ...] = field(repr=False)
    outputs: tuple[tuple[str, Place], ...] | None = field(repr=False)
    expect: Mapping | None = field(repr=False)
    init: Mapping | None = field(repr=False)
    data: Data | None
    data_node: Node | None = field(repr=False)
    train: Train | None
    train_node: Node | None = field(repr=False)
    networks: dict[str, WrittenSpec] = field(default_factory=dict)
    adversarial: Adversarial | None = None
    adversarial_node: Node | None = field(default=None, repr=False)
    game: Game | None = None
    attacks: dict[str, Attack] = field(default_factory=dict)
    attacks_node: Node | None = field(default=None, repr=False)

    @property
    def holes(self) -> tuple[Place, ...]:
        """The places of every ``???``, those in libraries last."""
        return (*self.document.holes, *(self.library.holes if self.library is not None else ()))

    def written(self, key: str) -> Node | None:
        """The node at a key of the document, None where the key is missing."""
        root = self.document.root
        return root.get(key) if isinstance(root, Mapping) else None

"""A model spec as data, with its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from builder.data.section import Data
from builder.errors import Place, SpecError
from builder.shapes import TensorType
from builder.spec.graph import Graph
from builder.training.section import Train

if TYPE_CHECKING:  # a spec without them does not pay for them
    from builder.cells.cell import Cell
    from builder.games.section import Adversarial
    from builder.games.training import Game
    from builder.robustness.attacks.attack import Attack


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """A spec that was read without errors, with its ``graph``.

    ``folder`` is what its paths are relative to. ``inputs`` map each input's name to its type, without the batch
    axis. ``cells`` are the author's own and those of the libraries that the spec names. ``holes`` are the places
    (``???``) that a starter leaves to be filled: a spec with holes is a spec, but cannot be built. ``advice`` is
    what is not wrong but unwise.

    Where the spec has several ``networks``, each is a spec of its own with its own graph, without data and
    training; ``graph`` then shows all of them side by side (``generator.linear_1``). ``adversarial`` says which two
    play against each other; `train` is then read as ``game``, and ``train`` is None. ``attacks`` are those that the
    author named. ``normal`` is what ``resolved()`` returns; of one of several networks it is empty.
    """

    file: str
    folder: Path
    name: str
    inputs: dict[str, TensorType]
    graph: Graph = field(repr=False)
    networks: dict[str, ModelSpec]
    data: Data | None
    train: Train | None
    adversarial: Adversarial | None
    game: Game | None
    attacks: dict[str, Attack]
    cells: dict[str, Cell] = field(repr=False)
    holes: tuple[Place, ...]
    advice: tuple[SpecError, ...]
    normal: dict[str, object] = field(repr=False)

    def resolved(self) -> dict[str, object]:
        """The spec as plain data with every default filled in; as YAML it loads to the same network."""
        return self.normal

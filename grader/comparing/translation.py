"""Weights of a recurrent layer, said in those of another that means the same.

Every array of the submission is put together from pieces of the reference's: a gate's rows of ``weight_ih``,
the columns of ``W @ [h_prev, x]``, a bias that is the sum of two. Gradients go the same way back: if
θ' = A·θ + c, then ∂L/∂θ = Aᵀ·∂L/∂θ'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from builder.cells.cell import Cell
from builder.cells.meaning.correspondence import UNIT, Leaf
from builder.cells.meaning.equality import Equal
from builder.cells.meaning.recognition import PACKED
from builder.shapes import Shape
from grader.exchange import Array
from grader.outline import OutlineLayer

Block = tuple[tuple[int, int], ...]  # from and to, for each axis

_PACKED_AS: Final = {short: long for long, short in PACKED.items()}


@dataclass(frozen=True, slots=True)
class Piece:
    """``factor`` times a block of the array ``source`` is added to a block of the array ``target``.

    Without a source it is the factor itself.
    """

    target: str
    into: Block
    factor: float
    source: str | None
    out_of: Block

    def to_json(self) -> list[Any]:
        """As ``from_json`` reads it back."""
        return [self.target, self.into, self.factor, self.source, self.out_of]

    @classmethod
    def from_json(cls, data: list[Any]) -> Piece:
        """The piece that ``to_json`` wrote."""
        target, into, factor, source, out_of = data
        return cls(target, _block(into), float(factor), source, _block(out_of))

    def is_whole(self, sources: Mapping[str, Array], shape: Shape) -> bool:
        """Whether it is a whole array of that shape, as it is."""
        if self.source is None or self.factor != 1 or not _covers(self.into, shape):
            return False
        return _covers(self.out_of, sources[self.source].shape)

    def named(self, target: str, source: str) -> Piece:
        """The same, under the full names of the two layers."""
        within = None if self.source is None else f"{source}.{self.source}"
        return Piece(f"{target}.{self.target}", self.into, self.factor, within, self.out_of)


def whole(target: str, source: str, shape: Shape) -> Piece:
    """A whole array as it is."""
    block = tuple((0, size) for size in shape)
    return Piece(target, block, 1.0, source, block)


def assembled(
    pieces: Iterable[Piece], sources: Mapping[str, Array], shapes: Mapping[str, Shape]
) -> dict[str, Array]:
    """The submission's arrays, of these shapes. Whole ones are given as they are, whatever their type."""
    found: dict[str, Array] = {}
    for piece in pieces:
        shape = shapes[piece.target]
        if piece.target not in found and piece.is_whole(sources, shape):
            found[piece.target] = np.array(sources[str(piece.source)])
            continue
        target = found.setdefault(piece.target, np.zeros(shape))
        given = 1.0 if piece.source is None else sources[piece.source][_index(piece.out_of)]
        target[_index(piece.into)] += piece.factor * given
    return found


def pulled_back(
    pieces: Iterable[Piece], gradients: Mapping[str, Array], shapes: Mapping[str, Shape]
) -> dict[str, Array]:
    """The gradients of the reference's arrays, of these shapes, from those of the submission's."""
    found: dict[str, Array] = {}
    for piece in pieces:
        if piece.source is None or piece.target not in gradients:
            continue
        total = found.setdefault(piece.source, np.zeros(shapes[piece.source]))
        total[_index(piece.out_of)] += piece.factor * gradients[piece.target][_index(piece.into)]
    return found


def translated(one: OutlineLayer, other: OutlineLayer, equal: Equal) -> tuple[Piece, ...] | None:
    """How the state of ``other`` is made of that of ``one``, the reference's; None if a part is missing.

    Both have as many layers, directions and values. The keys are the layers' own, without their names.
    """
    pieces: list[Piece] = []
    ours, theirs = _Arrays(one, equal.one), _Arrays(other, equal.other)
    for place in ours.places:
        for leaf in theirs.leaves:
            key, into = theirs.block(place, leaf)
            for factor, source in equal.parameters.get(leaf, ()):
                if source == UNIT:
                    pieces.append(Piece(key, into, factor, None, ()))
                else:
                    name, out_of = ours.block(place, source)
                    pieces.append(Piece(key, into, factor, name, out_of))
            if leaf not in equal.parameters:
                return None
        for state, counterpart in equal.states.items():
            name, key = ours.initial(place, state), theirs.initial(place, counterpart)
            if name in one.parameters and key in other.parameters:
                pieces.append(whole(key, name, one.parameters[name]))
    # A zero is no piece: the array is there all the same.
    made = {piece.target for piece in pieces}
    pieces += [Piece(key, (), 0.0, None, ()) for key in other.parameters if key not in made]
    learned = {key for key in other.parameters if key.endswith(".initial")}
    return tuple(pieces) if learned <= made else None


class _Arrays:
    """Where a layer keeps the parameters of its cell."""

    def __init__(self, layer: OutlineLayer, cell: Cell) -> None:
        self._layer = layer
        self._cell = cell
        self._hidden = int(layer.fields["hidden_size"])
        self._packed = layer.equations is None
        self._gates = list(dict.fromkeys(name.partition(".")[0] for name in cell.parameters))
        self._directions = 2 if layer.fields["bidirectional"] else 1

    @property
    def places(self) -> list[tuple[int, int]]:
        """Each layer and direction."""
        layers = int(self._layer.fields["num_layers"])
        return [(layer, direction) for layer in range(layers) for direction in range(self._directions)]

    @property
    def leaves(self) -> Iterator[Leaf]:
        """Every parameter, matrices by their blocks of columns."""
        for name, parameter in self._cell.parameters.items():
            if parameter.kind == "matrix":
                yield from (Leaf(name, part) for part in range(len(parameter.columns)))
            else:
                yield Leaf(name)

    def initial(self, place: tuple[int, int], state: str) -> str:
        """The key of a state's first value."""
        return self._key(place, f"{state}.initial")

    def block(self, place: tuple[int, int], leaf: Leaf) -> tuple[str, Block]:
        """The key of the array that holds the parameter, and where in it."""
        gate, _, name = leaf.name.rpartition(".")
        if self._packed:
            layer, direction = place
            key = f"{_PACKED_AS[name]}_l{layer}{'_reverse' * direction}"
            first = self._gates.index(gate) * self._hidden
        else:
            key, first = self._key(place, leaf.name), 0
        shape = self._layer.parameters[key]
        if not shape:
            return key, ()
        rows = (first, first + self._hidden)
        if len(shape) == 1:
            return key, (rows,)
        columns = self._cell.parameters[leaf.name].columns
        arrives = shape[1] - self._hidden * sum(width == "hidden" for width in columns)
        each = arrives // max(sum(width == "input" for width in columns), 1)
        widths = [each if width == "input" else self._hidden for width in columns]
        part = leaf.part or 0
        start = sum(widths[:part])
        return key, (rows, (start, start + widths[part]))

    def _key(self, place: tuple[int, int], name: str) -> str:
        layer, direction = place
        if self.places == [(0, 0)]:
            return name
        return f"l{layer}{'_reverse' * direction}.{name}"


def _block(data: Iterable[Iterable[int]]) -> Block:
    return tuple((int(start), int(stop)) for start, stop in data)


def _covers(block: Block, shape: Shape) -> bool:
    return block == tuple((0, size) for size in shape)


def _index(block: Block) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in block)

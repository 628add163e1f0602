"""Are two cells the same function, however written? What the answer says, and the parameters' translation.

The answer itself needs numbers: ``builder.runtime.cells.equality``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, permutations, product
from typing import TYPE_CHECKING, Any, Final

from builder.cells.cell import Cell
from builder.cells.meaning.correspondence import UNIT, Combination, Leaf, correspondences
from builder.cells.meaning.normal_form import TooLarge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MOST_ASSIGNMENTS: Final = 720

_Owned = dict[str, list[tuple[str, Leaf]]]


@dataclass(frozen=True)
class Equal:
    """Two cells are the same function.

    ``states`` are the one's names for what is carried, and the other's. ``parameters`` give every parameter of
    the other (a matrix by its blocks of columns) as a sum of the one's.
    """

    one: Cell = field(repr=False)
    other: Cell = field(repr=False)
    states: Mapping[str, str]
    parameters: Mapping[Leaf, Combination]

    def translated(self, arrays: Mapping[str, Array], input_size: int, hidden_size: int) -> dict[str, Array]:
        """The other's parameters with which it does what the one does with ``arrays``.

        Both are keyed as ``Cell.parameters``. The sizes are those of the layer.
        """
        return translated(self, arrays, {"input": input_size, "hidden": hidden_size})


@dataclass(frozen=True)
class Counterexample:
    """Numbers for which two cells differ, as small and as far apart as were found.

    ``x`` is T×I; the outputs are T×H; ``weights`` are each cell's own parameters, the other's being the one's
    wherever they correspond.
    """

    x: Array
    one_weights: Mapping[str, Array]
    other_weights: Mapping[str, Array]
    one_output: Array
    other_output: Array
    difference: float


def translated(
    equal: Equal,
    arrays: Mapping[str, Array],
    sizes: Mapping[str, int],
    default: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """``Equal.translated``; a parameter that ``equal`` does not give is as in ``default``."""
    import numpy as np

    made: dict[str, Array] = {}
    for name, parameter in equal.other.parameters.items():
        shape = parameter.shape(sizes["input"], sizes["hidden"])
        if parameter.kind != "matrix":
            leaf = Leaf(name)
            whole = _summed(equal, leaf, arrays, sizes, shape)
            made[name] = default[name] if default is not None and leaf not in equal.parameters else whole
            continue
        blocks = []
        for part, width in enumerate(parameter.columns):
            leaf = Leaf(name, part)
            block = _summed(equal, leaf, arrays, sizes, (sizes["hidden"], sizes[width]))
            if default is not None and leaf not in equal.parameters:
                block = _block(equal.other, leaf, default, sizes)
            blocks.append(block)
        made[name] = np.concatenate(blocks, axis=1)
    return made


def _summed(
    equal: Equal, leaf: Leaf, arrays: Mapping[str, Array], sizes: Mapping[str, int], shape: tuple[int, ...]
) -> Array:
    import numpy as np

    like = next(iter(arrays.values()))
    total = np.zeros(shape, like.dtype)
    for factor, source in equal.parameters.get(leaf, ()):
        total = total + factor * (1 if source == UNIT else _block(equal.one, source, arrays, sizes))
    return total


def _block(cell: Cell, leaf: Leaf, arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
    array = arrays[leaf.name]
    if leaf.part is None:
        return array
    widths = [sizes[width] for width in cell.parameters[leaf.name].columns]
    start = sum(widths[: leaf.part])
    return array[:, start : start + widths[leaf.part]]


def candidates(one: Cell, other: Cell) -> Iterator[Equal]:
    """Ways in which the cells may be equal, by their form: each still to be confirmed by numbers."""
    try:
        for match in correspondences(one, other):
            forth, back = match.reversed().solved(), match.solved()
            if forth is not None and back is not None:
                yield Equal(one, other, match.states, forth)
    except TooLarge:
        return


def assignments(one: Cell, other: Cell) -> Iterator[Equal]:
    """Ways in which the gates of one may be those of the other, by what each has of parameters.

    For cells whose forms do not show it; and for the fairest counterexample. At least one is given; what
    has no counterpart is not in its ``parameters``.
    """
    ours, theirs = _owned(one), _owned(other)
    kinds = sorted({_kind(leaves) for leaves in (*ours.values(), *theirs.values())})
    groups = [
        [sorted((o for o in owned if _kind(owned[o]) == kind), key=lambda o: (o not in against, o))
         for owned, against in ((ours, theirs), (theirs, ours))]
        for kind in kinds
    ]  # fmt: skip
    ways = product(*(
        islice(permutations(sources, min(len(sources), len(targets))), MOST_ASSIGNMENTS)
        for sources, targets in groups
    ))  # fmt: skip
    for way in islice(ways, MOST_ASSIGNMENTS):
        matched: dict[Leaf, Combination] = {}
        for chosen, (_, targets) in zip(way, groups, strict=True):
            for source, target in zip(chosen, targets, strict=False):
                pairs = zip(theirs[target], ours[source], strict=True)
                matched |= {leaf: ((1.0, counterpart),) for (_, leaf), (_, counterpart) in pairs}
        yield Equal(one, other, {one.output: other.output}, _namesakes(ours, theirs) | matched)


def _namesakes(ours: _Owned, theirs: _Owned) -> dict[Leaf, Combination]:
    """Gates of one name, matched as far as what they own is alike."""
    matched: dict[Leaf, Combination] = {}
    for owner in ours.keys() & theirs.keys():
        left = list(ours[owner])
        for width, leaf in theirs[owner]:
            namesake = next((held for held in left if held[0] == width), None)
            if namesake is not None:
                left.remove(namesake)
                matched[leaf] = ((1.0, namesake[1]),)
    return matched


def _owned(cell: Cell) -> _Owned:
    """What each gate or state owns: the widths (or kinds) of parameters and matrices' blocks, sorted."""
    owned: _Owned = {}
    for name, parameter in cell.parameters.items():
        held = owned.setdefault(name.partition(".")[0], [])
        if parameter.kind == "matrix":
            held += [(width, Leaf(name, part)) for part, width in enumerate(parameter.columns)]
        else:
            held.append(("scalar" if parameter.kind == "scalar" else "vector", Leaf(name)))
    return {owner: sorted(held) for owner, held in owned.items()}


def _kind(held: list[tuple[str, Leaf]]) -> tuple[str, ...]:
    return tuple(width for width, _ in held)

"""Which of a submission's layers stands for which of the reference's, whatever they are called.

Two ways lead there. ``match`` pairs the layers that have parameters, so that both networks can be given the
same weights: by what is wired to what, by names, or by the order in the file. ``align`` pairs layers one
after the other with gaps, as two spellings of a word are compared (Needleman & Wunsch, 1970).

A recurrent layer is of the same kind as one that means the same, however its gates are written: its weights
are translated. One that means something else is of that kind too if its parameters have the same names; then
they are given as they are, so that what does agree can be seen.

The wiring is compared by colour refinement (Weisfeiler & Leman, 1968): two layers have one colour if they
have the same type and parameters, and the same colours before and after them, as far as the network goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from builder.cells.meaning.equality import Equal
from builder.shapes import Shape, Size, TensorType
from grader.comparing.cell_equality import CellComparer
from grader.comparing.translation import Piece, translated, whole
from grader.exchange import Comparer
from grader.outcome import Blocked
from grader.outline import Outline, OutlineLayer, cell_of

PASSING: Final = frozenset({"Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout"})
COMMUTING: Final = frozenset({"Add", "Multiply"})
MOST_CELLS: Final = 8  # of a submission are compared: others are matched by names alone
SHOWN: Final = 4
MOST_NODES: Final = 1000  # beyond, wiring is not compared: the order in the file must do

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Matching:
    """The submission's layer for each of the reference's that has weights of its own.

    ``translations`` say how the recurrent ones' weights are made of the reference's, where they are not equal
    name by name; ``states`` name their states, by the reference's layer and state.
    """

    layers: dict[str, str]
    translations: dict[str, tuple[Piece, ...]] = field(default_factory=dict)
    states: dict[str, dict[str, str]] = field(default_factory=dict)

    def pieces(self, reference: Outline) -> tuple[Piece, ...]:
        """How the submission's state is made of the reference's, in the reference's order."""
        found: list[Piece] = []
        for layer in weighted(reference):
            other = self.layers[layer.name]
            own = self.translations.get(layer.name)
            if own is None:
                own = tuple(whole(key, key, shape) for key, shape in own_state(layer).items())
            found += [piece.named(other, layer.name) for piece in own]
        return tuple(found)


def weighted(outline: Outline) -> tuple[OutlineLayer, ...]:
    """The layers that have parameters or buffers of their own, in file order."""
    return tuple(layer for layer in outline.layers if own_state(layer))


def own_state(layer: OutlineLayer) -> dict[str, Shape]:
    """A layer's parameters and buffers."""
    return {**layer.parameters, **layer.buffers}


def match(reference: Outline, submission: Outline, comparer: Comparer | None = None) -> Matching | Blocked:
    """The layers that get the same weights, or what stands in the way.

    Layers whose wiring agrees are paired by it, whatever lies between them and in whatever order they stand.
    Else they are paired by name, where the maps of names to shapes are equal; else the i-th with the i-th in
    file order, where types and shapes agree pair by pair. ``comparer`` compares the equations of cells.
    """
    kinds = _Kinds(reference, submission, comparer or CellComparer())
    paired = _by_wiring(reference, submission, kinds)
    if paired is None and reference.state == submission.state:  # as maps: the order does not count
        paired = {layer.name: layer.name for layer in weighted(reference)}
    if paired is not None:
        return kinds.matching(paired)
    ours, theirs = weighted(reference), weighted(submission)
    for one, other in zip(ours, theirs, strict=False):
        if kinds.of(one) != kinds.of(other):
            return Blocked(
                other.name,
                f"the reference's weights do not fit `{other.name}`, {_shown(other)}: its type or the shapes "
                f"of its parameters are not as required{kinds.why(one, other)}",
            )
    if len(ours) != len(theirs):
        last = theirs[min(len(ours), len(theirs) - 1)].name if theirs else "layers"
        return Blocked(
            last,
            f"the reference's weights do not fit: {len(ours)} layers with parameters are needed, "
            f"and there are {len(theirs)}",
        )
    return kinds.matching({one.name: other.name for one, other in zip(ours, theirs, strict=True)})


class _Kinds:
    """What kind of layer each is: two of one kind can have the same weights.

    A kind is a type and the shapes of its parameters; of recurrent layers, what the equations mean, and the
    sizes.
    """

    def __init__(self, reference: Outline, submission: Outline, comparer: Comparer) -> None:
        self._comparer = comparer
        self._reference = reference
        self._submission = submission
        self._first: dict[int, OutlineLayer] = {}  # of each different cell of the reference
        self._kinds: dict[int, Hashable] = {}
        self._compared: dict[str, None] = {}
        for outline in (reference, submission):
            for layer in outline.layers:
                self._kinds[id(layer)] = self._kind(layer, outline is reference)

    def of(self, layer: OutlineLayer) -> Hashable:
        """The kind of a layer of either network."""
        return self._kinds[id(layer)]

    def why(self, one: OutlineLayer, other: OutlineLayer) -> str:
        """What else to say of a layer that does not fit."""
        if cell_of(one) is None or cell_of(other) is None or _sizes(one) != _sizes(other):
            return ""
        return ", and its gates do not mean what they should"

    def matching(self, paired: dict[str, str]) -> Matching:
        """The pairs, with the translations of those that are recurrent."""
        translations: dict[str, tuple[Piece, ...]] = {}
        states: dict[str, dict[str, str]] = {}
        ours = {layer.name: layer for layer in self._reference.layers if layer.states}
        theirs = {layer.name: layer for layer in self._submission.layers}
        for name, one in ours.items():
            if name not in paired:
                continue
            other = theirs[paired[name]]
            equal = self._equal(one, other)
            if equal is not None and (pieces := translated(one, other, equal)) is not None:
                translations[name] = pieces
                states[name] = dict(equal.states)
        return Matching(paired, translations, states)

    def _kind(self, layer: OutlineLayer, ours: bool) -> Hashable:
        written = layer.type, tuple(sorted(own_state(layer).items()))
        if cell_of(layer) is None:
            return written
        sizes = _sizes(layer)
        for test in (self._means, *(() if ours else (_same_names,))):
            for number, first in self._first.items():
                if test(first, layer):
                    return number, sizes
        if not ours:
            return written
        self._first[len(self._first)] = layer
        return len(self._first) - 1, sizes

    def _means(self, one: OutlineLayer, other: OutlineLayer) -> bool:
        equal = self._equal(one, other)
        return equal is not None and (
            _sizes(one) != _sizes(other) or translated(one, other, equal) is not None
        )

    def _equal(self, one: OutlineLayer, other: OutlineLayer) -> Equal | None:
        """How they correspond, if both are recurrent and mean the same."""
        ours, theirs = cell_of(one), cell_of(other)
        if ours is None or theirs is None:
            return None
        self._compared.setdefault(theirs.name, None)
        if list(self._compared).index(theirs.name) >= MOST_CELLS + len(self._first):
            return None
        found = self._comparer.compare(ours, theirs)
        return found if isinstance(found, Equal) else None


def _same_names(one: OutlineLayer, other: OutlineLayer) -> bool:
    """Whether two cells have parameters of the same names and kinds."""
    ours, theirs = cell_of(one), cell_of(other)
    if ours is None or theirs is None or ours.parameters != theirs.parameters:
        return False
    return own_state(one).keys() == own_state(other).keys()


def _sizes(layer: OutlineLayer) -> Hashable:
    """What else must be equal for two layers of the same equations to have the same weights."""
    fields = layer.fields
    kept = tuple(fields[name] for name in ("hidden_size", "num_layers", "bidirectional"))
    cell = layer.cell
    learned = (fields.get("initial") or (cell.initial if cell else "zeros")) == "learned"
    return (*kept, layer.arrives[0].shape[-1], learned, layer.starts_from is not None, own_state(layer) == {})


def match_inputs(reference: Outline, submission: Outline) -> dict[str, str] | Blocked:
    """The submission's input for each of the reference's: by name, or by order where names differ.

    A free axis may have any symbol, the same wherever the reference has the same.
    """
    if reference.inputs == submission.inputs:
        return {name: name for name in reference.inputs}
    pairs = list(zip(reference.inputs.items(), submission.inputs.items(), strict=False))
    symbols: dict[Size, Size] = {}
    for (_, wanted), (name, found) in pairs:
        if not _alike(wanted, found, symbols):
            return Blocked(name, f"the input `{name}` must be {wanted}, and it is {found}")
    if len(reference.inputs) != len(submission.inputs):
        return Blocked(
            "inputs", f"{len(reference.inputs)} inputs are needed, and there are {len(submission.inputs)}"
        )
    return {one: other for (one, _), (other, _) in pairs}


def _alike(wanted: TensorType, found: TensorType, symbols: dict[Size, Size]) -> bool:
    """Whether two types are equal but for the symbols of free axes; ``symbols`` collects which is which."""
    if wanted.vocabulary != found.vocabulary or len(wanted.shape) != len(found.shape):
        return False
    for ours, theirs in zip(wanted.shape, found.shape, strict=True):
        if isinstance(ours, int) or isinstance(theirs, int):
            if ours != theirs:
                return False
        elif symbols.setdefault(ours, theirs) != theirs or list(symbols.values()).count(theirs) > 1:
            return False
    return True


def match_outputs(reference: Outline, submission: Outline) -> dict[str, str] | None:
    """The submission's output for each of the reference's, by name or order; None if there are more or fewer."""
    if reference.outputs.keys() == submission.outputs.keys():
        return {name: name for name in reference.outputs}
    if len(reference.outputs) != len(submission.outputs):
        return None
    return dict(zip(reference.outputs, submission.outputs, strict=True))


def align(ours: Sequence[A], theirs: Sequence[B], score: Callable[[A, B], int]) -> list[tuple[int, int]]:
    """The pairs of places, increasing on both sides, with the largest sum of scores.

    A pair whose score is 0 is no pair; a gap costs nothing. Of equally good ways, the one that pairs early.

    >>> align("cpcf", "ccf", lambda a, b: int(a == b))
    [(0, 0), (2, 1), (3, 2)]
    """
    best = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    scores = [[score(a, b) for b in theirs] for a in ours]
    for i in reversed(range(len(ours))):
        for j in reversed(range(len(theirs))):
            both = scores[i][j] + best[i + 1][j + 1] if scores[i][j] else 0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        if scores[i][j] and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


@dataclass(frozen=True, slots=True)
class _Node:
    """A layer with parameters, or one that merges; what only passes one value on is left out.

    ``start`` is its colour to begin with; ``before`` the nodes that it reads.
    """

    name: str
    start: Hashable
    before: tuple[int, ...]
    commutes: bool


def _by_wiring(reference: Outline, submission: Outline, kinds: _Kinds) -> dict[str, str] | None:
    """The pairing under which both networks are wired alike, or None if there is no such pairing."""
    ends = {
        **{("input", name): place for place, name in enumerate(reference.inputs)},
        **{("output", name): place for place, name in enumerate(reference.outputs)},
    }
    inputs, outputs = match_inputs(reference, submission), match_outputs(reference, submission)
    if isinstance(inputs, Blocked) or outputs is None:
        return None
    renamed = {("input", other): ends["input", name] for name, other in inputs.items()} | {
        ("output", other): ends["output", name] for name, other in outputs.items()
    }
    ours, theirs = _nodes(reference, ends, kinds), _nodes(submission, renamed, kinds)
    if len(ours) != len(theirs) or len(ours) > MOST_NODES:
        return None
    first = len(ours)
    union = ours + [
        _Node(node.name, node.start, tuple(first + i for i in node.before), node.commutes) for node in theirs
    ]
    marks: dict[int, Hashable] = {}
    while True:
        classes = _classes(union, marks)
        sides = [([i for i in c if i < first], [i for i in c if i >= first]) for c in classes]
        if any(len(left) != len(right) for left, right in sides):
            return None
        unsettled = next(((left, right) for left, right in sides if len(left) > 1), None)
        if unsettled is None:
            break
        # Alike as far as the wiring shows: any of them will do, and the choice settles others.
        left, right = unsettled
        marks[left[0]] = marks[right[0]] = len(marks)
    own = {layer.name for layer in weighted(reference)}
    pairs = {union[left[0]].name: union[right[0]].name for left, right in sides}
    return {name: other for name, other in pairs.items() if name in own}


def _classes(nodes: list[_Node], marks: dict[int, Hashable]) -> list[list[int]]:
    """The nodes by colour, refined until no colour splits."""
    after: list[list[tuple[int, int]]] = [[] for _ in nodes]
    for i, node in enumerate(nodes):
        for place, j in enumerate(node.before):
            after[j].append((i, 0 if node.commutes else place))
    colours = _interned([(node.start, marks.get(i)) for i, node in enumerate(nodes)])
    while True:
        seen: list[Hashable] = []
        for i, node in enumerate(nodes):
            before = [colours[j] for j in node.before]
            behind = sorted((colours[j], place) for j, place in after[i])
            seen.append((colours[i], tuple(sorted(before) if node.commutes else before), tuple(behind)))
        refined = _interned(seen)
        if len(set(refined)) == len(set(colours)):
            break
        colours = refined
    classes: dict[int, list[int]] = defaultdict(list)
    for i, colour in enumerate(colours):
        classes[colour].append(i)
    return list(classes.values())


def _interned(values: Sequence[Hashable]) -> list[int]:
    """Each value's number, equal for equal values."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


def _nodes(outline: Outline, ends: dict[tuple[str, str], int], kinds: _Kinds) -> list[_Node]:
    """The network without the layers that only pass one value on; ``ends`` number its inputs and outputs."""
    nodes: list[_Node] = []
    made: dict[str, int] = {}
    for name in outline.inputs:
        made[name] = len(nodes)
        nodes.append(_Node(name, ("input", ends["input", name]), (), False))
    owner: dict[str, int] = {}

    def node_of(name: str) -> int:
        """The node of a value; a port, ``encoder.h``, is one of its own."""
        if name not in made:
            layer = outline.layer(name.rpartition(".")[0])
            assert layer is not None, f"nothing makes {name}"
            place = layer.states.index(name.rpartition(".")[2])
            made[name] = len(nodes)
            nodes.append(_Node(name, ("port", place), (made[layer.name],), False))
        return made[name]

    for layer in outline.layers:
        before = tuple(node_of(name) for name in layer.inputs)
        if layer.starts_from is not None:
            before = (*before, made[layer.starts_from])
        if len(before) == 1 and not own_state(layer) and layer.shared_with not in owner:
            made[layer.name] = before[0]
            continue
        if layer.shared_with in owner:
            before = (*before, owner[layer.shared_with])
        made[layer.name] = len(nodes)
        if own_state(layer):
            owner[layer.name] = len(nodes)
        nodes.append(_Node(layer.name, kinds.of(layer), before, layer.type in COMMUTING))
    for output, name in outline.outputs.items():
        nodes.append(_Node(f"output {output}", ("output", ends["output", output]), (node_of(name),), False))
    return nodes


def _shown(layer: OutlineLayer) -> str:
    """A layer's type and the shapes of its parameters, as the student wrote them."""
    all_of_them = [f"{name} {'×'.join(map(str, shape))}" for name, shape in layer.parameters.items() if shape]
    more = f" and {len(all_of_them) - SHOWN} more" if len(all_of_them) > SHOWN else ""
    shapes = ", ".join(all_of_them[:SHOWN]) + more
    return f"a {layer.type}{f' ({shapes})' if shapes else ''}"

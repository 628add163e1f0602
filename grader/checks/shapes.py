"""shapes: what leaves each layer, judged from what arrives there, so that one slip costs once.

Only the shape rules are asked; nothing is built or run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, final

from pydantic import model_validator

from builder.cells.meaning.equality import Equal
from builder.component import Accepted, Rejected
from builder.errors import Cause, RunError, did_you_mean
from builder.fields import Flag
from builder.language.nodes import describe
from builder.shapes import TensorType
from grader.check import Brief, Check, Subject
from grader.comparing.cell_equality import CellComparer
from grader.comparing.matching import PASSING, align, match_inputs
from grader.exchange import Comparer, Findings, Task
from grader.outcome import Blocked, Failed, Outcome, Passed
from grader.outline import Outline, OutlineLayer, cell_of

if TYPE_CHECKING:
    pass

SHOWN: Final = 3
# A layer in another's place is one slip, not two; a right type counts before a right shape before a name.
IN_PLACE: Final = 1
SAME_NAME: Final = 10**3
SAME_SHAPE: Final = 10**6
SAME_TYPE: Final = 10**9

SameType = Callable[[OutlineLayer, OutlineLayer], bool]


@dataclass(frozen=True, slots=True)
class _Slip:
    """One layer that is not as required."""

    expected: str
    found: str
    direction: str
    hint: str | None = None


@final
class shapes(Check):
    """Every layer that changes a shape is of the right type, and gives the right shape.

    With `layers: changing` those layers are judged that change a shape; with `all`, every one; or those that
    are listed, by the reference's names. A layer is judged from what arrives at it in your network, so one
    slip costs one layer, not all that follow; with `follow_through: false` it must give the reference's very
    shape. Each layer has the same share of the points; one that is missing or too many costs its own share.
    Names, and layers that change nothing (`Dropout`), do not count. All cells written as equations are of one
    type here, and so is a layer of torch's that means the same: what gates mean is for `structure`.
    """

    needs_reference: ClassVar[bool] = True
    takes_networks: ClassVar[bool] = True

    accepts = (
        Accepted(""),
        Accepted("{layers: changing}"),
        Accepted("{layers: all, follow_through: false}"),
        Accepted("{layers: [conv2d_1, linear_1]}"),
    )
    rejects = (
        Rejected("{layers: some}", 'expected `changing`, `all` or a list of names, found the text "some"'),
        Rejected("{layers: []}", "expected `changing`, `all` or a list of names, found an empty list"),
        Rejected("{follow_through: 1}", "expected true or false, found 1"),
    )

    layers: Any = "changing"
    follow_through: Flag = True

    @model_validator(mode="after")
    def _layers(self) -> Self:
        listed = isinstance(self.layers, list | tuple)
        names = self.layers if listed else ()
        if self.layers not in ("changing", "all") and not (names and all(isinstance(n, str) for n in names)):
            found = "an empty list" if listed and not names else describe(self.layers)
            raise Cause(f"expected `changing`, `all` or a list of names, found {found}", field="layers")
        return self

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """No task: the outlines hold all shapes. Raises ``RunError`` for a listed layer that the reference lacks."""
        if not isinstance(self.layers, str):
            known = {layer.name: layer for layer in brief.required.layers}
            for name in self.layers:
                if name not in known:
                    raise RunError(f"the reference has no layer `{name}`", did_you_mean(name, known))
        return None

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Layers are aligned by type, shape and name; each wrong, missing or extra one costs one share."""
        ours, theirs = brief.required, subject.network
        wanted = [layer for layer in ours.layers if self._counts(layer)]
        comparer = brief.comparer or CellComparer()
        slips, judged = self._slips(ours, theirs, wanted, partial(_same_type, comparer))
        if not slips:
            return Passed(f"{len(wanted)} layers are right")
        return Failed(
            _listed([slip.expected for slip in slips]),
            _listed([slip.found for slip in slips]),
            next((slip.hint for slip in slips if slip.hint), None),
            max(judged - len(slips), 0) / judged,
            direction=_listed([slip.direction for slip in slips]),
            detail=f"{judged - len(slips)} of {judged} are right",
        )

    def _counts(self, layer: OutlineLayer) -> bool:
        """Whether a layer of the reference is judged."""
        if not isinstance(self.layers, str):
            return layer.name in self.layers
        return _changes(layer) if self.layers == "changing" else layer.type not in PASSING

    def _slips(
        self, ours: Outline, theirs: Outline, wanted: list[OutlineLayer], same: SameType
    ) -> tuple[list[_Slip], int]:
        """Everything that is not as required, and out of how many."""
        everything = not isinstance(self.layers, str) or self.layers == "all"
        left = [u for u in ours.layers if (u.type not in PASSING if everything else _changes(u))]
        right = [u for u in theirs.layers if (u.type not in PASSING if everything else _changes(u))]
        pairs = [(left[i], right[j]) for i, j in align(left, right, partial(self._likeness, same))]
        partner = {one.name: other for one, other in pairs}
        beside = _Beside(ours, theirs, partner, same)
        slips: list[_Slip] = []
        judged = len(wanted)
        if isinstance(names := match_inputs(ours, theirs), Blocked):
            judged += 1
            wanted_inputs = _listed([f"an input {kind}" for kind in ours.inputs.values()])
            found_inputs = _listed([f"`{name}`: {kind}" for name, kind in theirs.inputs.items()])
            slips.append(_Slip(wanted_inputs or "no input", found_inputs or "no input", names.reason))
        for layer in wanted:
            slip = self._slip(layer, partner.get(layer.name) or beside.take(layer), same)
            slips += [] if slip is None else [slip]
        if isinstance(self.layers, str):
            taken = {other.name for _, other in pairs}
            extra = [other for other in right if other.name not in taken]
            judged += len(extra)
            slips += [
                _Slip(
                    "no further layer",
                    f"{_told(other)}, which is one too many",
                    f"`{other.name}` is too many",
                )
                for other in extra
            ]
        return slips, judged

    def _likeness(self, same: SameType, one: OutlineLayer, other: OutlineLayer) -> int:
        """How much a layer of the submission looks like one of the reference's."""
        return (
            IN_PLACE
            + SAME_NAME * (one.name == other.name)
            + SAME_SHAPE * (self._shape(one, other) == other.output)
            + SAME_TYPE * same(one, other)
        )

    def _shape(self, one: OutlineLayer, other: OutlineLayer) -> TensorType | None:
        """What the reference's layer would give in the place of ``other``; None if it does not fit there."""
        if not self.follow_through:
            return one.output
        try:
            return one.component().rule(*other.arrives).output
        except (Cause, ValueError):
            return None

    def _slip(self, one: OutlineLayer, other: OutlineLayer | None, same: SameType) -> _Slip | None:
        """What is wrong with the layer that stands for ``one``."""
        if other is None:
            return _Slip(
                f"{one.name}: a {one.type} that gives {_sizes(one.output)}",
                "no such layer",
                f"a {one.type} is missing",
            )
        shape = self._shape(one, other)
        alike = same(one, other)
        if alike and shape == other.output:
            return None
        expected = one.output if shape is None else shape
        if not alike:
            return _Slip(
                f"{one.name}: {_type(one)}, {_sizes(expected)}",
                _told(other),
                f"`{other.name}` is of another type",
            )
        arrived = ", ".join(_sizes(x) for x in other.arrives)
        how = other.component().rule(*other.arrives).how
        return _Slip(
            f"{other.name}: {_sizes(expected)}",
            f"{_sizes(other.output)} (from {arrived})",
            f"`{other.name}` gives another shape",
            f"Yours works out as {how}" if how else None,
        )


class _Beside:
    """The submission's layers that were paired with none, by where they stand.

    A slip may leave a layer of the right type that changes no shape (`Linear: 400` after 400 values): it is
    that layer with a slip, not one that is missing.
    """

    def __init__(
        self, ours: Outline, theirs: Outline, partner: dict[str, OutlineLayer], same: SameType
    ) -> None:
        self._same = same
        self._ours = ours
        self._theirs = theirs
        self._partner = dict(partner)

    def take(self, one: OutlineLayer) -> OutlineLayer | None:
        """The first of the same type between the partners of what stands before and after ``one``."""
        places = {layer.name: i for i, layer in enumerate(self._theirs.layers)}
        first, end = 0, len(places)
        passed = False
        for layer in self._ours.layers:
            passed = passed or layer.name == one.name
            if (other := self._partner.get(layer.name)) is None:
                continue
            if passed:
                end = places[other.name]
                break
            first = places[other.name] + 1
        between = self._theirs.layers[first:end]
        found = next((layer for layer in between if self._same(one, layer)), None)
        if found is not None:
            self._partner[one.name] = found
        return found


def _same_type(comparer: Comparer, one: OutlineLayer, other: OutlineLayer) -> bool:
    """Whether two layers count as of one type."""
    if one.equations is not None and other.equations is not None:
        return True
    if one.equations is None and other.equations is None:
        return one.type == other.type
    ours, theirs = cell_of(one), cell_of(other)
    return ours is not None and theirs is not None and isinstance(comparer.compare(ours, theirs), Equal)


def _changes(layer: OutlineLayer) -> bool:
    """Whether a layer gives another shape than what arrives."""
    return any(x.shape != layer.output.shape for x in layer.arrives)


def _type(layer: OutlineLayer) -> str:
    """A cell of the author's own may have the name of a known type."""
    return f"the cell {layer.type}" if layer.own else layer.type


def _told(layer: OutlineLayer) -> str:
    return f"{layer.name}: {_type(layer)}, {_sizes(layer.output)}"


def _sizes(kind: TensorType) -> str:
    """A shape as it is written on the board: `16×10×10`."""
    return "×".join(str(size) for size in kind.shape) or "one number"


def _listed(texts: list[str]) -> str:
    shown = list(dict.fromkeys(texts))
    more = f"; and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return "; ".join(shown[:SHOWN]) + more

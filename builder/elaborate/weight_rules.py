"""``init`` and ``freeze``: the parameters that each rule is about, and which rule wins.

A rule on an item beats one on the block around it, which beats one at the top of the network for a type,
which beats the ``init`` of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from builder.errors import Cause, Place, Report, did_you_mean
from builder.language.keys import is_hole
from builder.language.nodes import Mapping, Node, describe
from builder.reader import Reader, Unknown
from builder.spec.graph import GraphLayer

if TYPE_CHECKING:
    from builder.cells.cell import Cell
    from builder.spec.written import Item
    from builder.training.initializers.initializer import Initializer


@dataclass(eq=False)
class _Rule:
    """One line of ``init``, or one ``freeze: true`` (``initializer`` is None).

    ``seen`` are the parameters of its owner, for a hint where none matched.
    """

    owner: str
    key: str
    place: Place
    initializer: Initializer | None
    of_type: bool
    label: str
    matched: bool = False
    seen: dict[str, None] = field(default_factory=dict)

    def speaks_of(self, layer: GraphLayer, parameter: str) -> bool:
        if self.of_type:
            if layer.type != self.owner:
                return False
            path = parameter
        else:
            full = f"{layer.name}.{parameter}"
            if not full.startswith(f"{self.owner}."):
                return False
            path = full[len(self.owner) + 1 :]
        self.seen[path] = None
        return not self.key or path == self.key or path.endswith(f".{self.key}")


class WeightRules:
    """The rules of one network: collected while the graph is made, and then applied to all of its layers.

    ``above`` are the rules of a spec of several networks; every rule of a network beats them.
    """

    def __init__(self, report: Report, above: WeightRules | None = None) -> None:
        self.report = report
        self._above = above
        self._cells: list[_Rule] = []  # the `init` of cells: every other rule beats it
        self._init: list[_Rule] = []
        self._freeze: list[_Rule] = []

    def for_types(self, node: Mapping, reader: Reader) -> None:
        """Adds the network's own ``init``, whose keys are ``Type.parameter``."""
        for key, value in node.entries.items():
            kind, _, parameter = str(key).partition(".")
            if not parameter:
                self.report.error(
                    node.keys[key],
                    f"expected `Type.parameter`, found `{key}`",
                    "As in `Conv2d.weight: {normal_: {std: 0.02}}`; one layer's own goes beside it.",
                )
                continue
            initializer = _initializer(value, reader)
            if initializer is not None:
                self._init.append(_Rule(kind, parameter, node.keys[key], initializer, True, kind))

    def for_cell(self, full: str, cell: Cell, reader: Reader) -> None:
        """Adds a cell's ``init`` for the layer called ``full``; its keys were checked where the cell was read."""
        for key, value in cell.init.entries.items() if cell.init is not None else ():
            assert cell.init is not None
            initializer = _initializer(value, reader)
            if initializer is not None:
                self._cells.append(_Rule(full, str(key), cell.init.keys[key], initializer, False, cell.name))

    def for_item(self, full: str, label: str, item: Item, reader: Reader) -> None:
        """Adds an item's ``init`` and ``freeze`` for the layer or block called ``full``."""
        if isinstance(item.init, Mapping):
            for key, value in item.init.entries.items():
                initializer = _initializer(value, reader)
                if initializer is not None:
                    self._init.append(_Rule(full, str(key), item.init.keys[key], initializer, False, label))
        elif item.init is not None and not is_hole(item.init):
            self.report.error(
                item.init.place,
                f"expected parameters and their initialisers, found {describe(item.init)}",
                "As in `init: {weight: xavier_uniform_}`.",
            )
        if item.freeze is not None:
            try:
                frozen = reader.plain(item.freeze)
            except Unknown:
                return
            if not isinstance(frozen, bool):
                self.report.error(item.freeze.place, f"expected true or false, found {describe(frozen)}")
            elif frozen:
                self._freeze.append(_Rule(full, "", item.freeze.place, None, False, label))

    def apply(self, layers: Sequence[GraphLayer]) -> tuple[GraphLayer, ...]:
        """The layers with their initialisers and whether they are frozen; later rules win."""
        above = self._above._init if self._above is not None else []
        init, freeze = _by_owner([*self._cells, *above, *self._init]), _by_owner(self._freeze)
        return tuple(self._ruled(layer, _of(init, layer), _of(freeze, layer)) for layer in layers)

    def _ruled(self, layer: GraphLayer, init: list[_Rule], freeze: list[_Rule]) -> GraphLayer:
        chosen: dict[str, Initializer] = {}
        frozen = False
        for parameter, shape in layer.parameter_shapes.items():
            for rule in init:
                if rule.initializer is not None and rule.speaks_of(layer, parameter):
                    rule.matched = True
                    chosen[parameter] = rule.initializer
                    self._check(rule, rule.initializer, shape)
            for rule in freeze:
                if rule.speaks_of(layer, parameter):
                    rule.matched = frozen = True
        return replace(layer, init=chosen, freeze=frozen) if chosen or frozen else layer

    def _check(self, rule: _Rule, initializer: Initializer, shape: tuple[int, ...]) -> None:
        try:
            initializer.check(shape)
        except Cause as cause:
            self.report.error(rule.place, cause.problem, cause.hint)

    def report_unmatched(self, complete: bool) -> None:
        """Reports each rule that matches no parameter, if the graph is ``complete``."""
        if not complete or self.report.errors:
            return
        for rule in self._init:
            if rule.matched:
                continue
            if rule.of_type and not rule.seen:
                self.report.error(rule.place, f"no layer of type `{rule.owner}` has parameters here")
            else:
                self.report.error(
                    rule.place,
                    f"`{rule.label}` has no parameter `{rule.key}`",
                    did_you_mean(rule.key, rule.seen),
                )
        for rule in self._freeze:
            if not rule.matched:
                self.report.error(rule.place, f"`{rule.label}` has no parameters to freeze", "Remove it.")


_Owned = dict[tuple[bool, str], list[tuple[int, _Rule]]]


def _by_owner(rules: list[_Rule]) -> _Owned:
    """The rules with their ranks, by their owners: trying each rule on each layer would be quadratic."""
    owned: _Owned = {}
    for rank, rule in enumerate(rules):
        owned.setdefault((rule.of_type, rule.owner), []).append((rank, rule))
    return owned


def _of(owned: _Owned, layer: GraphLayer) -> list[_Rule]:
    """The rules that may apply to a layer, in the order of writing: its type's, its blocks', its own."""
    parts = layer.name.split(".")
    owners = [(True, layer.type), *((False, ".".join(parts[: i + 1])) for i in range(len(parts)))]
    ranked = [pair for owner in owners for pair in owned.get(owner, ())]
    return [rule for _, rule in sorted(ranked, key=lambda pair: pair[0])]


def _initializer(node: Node, reader: Reader) -> Initializer | None:
    """The initializer that is written; None if it is wrong (reported). A spec without `init` imports none."""
    from builder.training.initializers.initializer import initializers

    return reader.choice(initializers, node)

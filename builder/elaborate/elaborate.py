"""From items to the graph: blocks, groups and repeats expanded, names given, layers connected, shapes worked out.

Every error of the file is collected; after an unknown shape none is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from builder.elaborate.blocks import Watching, block_names
from builder.elaborate.budget import Budget
from builder.elaborate.layer_maker import Copy, LayerMaker, value_of
from builder.elaborate.layer_types import LayerTypes
from builder.elaborate.scope import UNKNOWN, Scope, Value
from builder.elaborate.unused import Used, report_unused
from builder.elaborate.weight_rules import WeightRules
from builder.errors import Place, Report, did_you_mean
from builder.language.names import snake_case
from builder.language.nodes import Mapping, describe
from builder.layers.layer import Layer, layers
from builder.reader import Reader, Unknown
from builder.shapes import DEFAULT_LIMIT_BYTES
from builder.spec.graph import Graph
from builder.spec.written import Block, Item, WrittenSpec

if TYPE_CHECKING:
    from builder.cells.cell import Cell

MAX_ITEMS: Final = 10_000


class Use(NamedTuple):
    """One copy of an item in the graph, for the resolved spec. ``layer`` is None for a block."""

    name: str
    layer: Layer | None
    sizes: dict[str, int]


class _TooMany(Exception):
    """The spec expands to more items than are allowed; reported already."""


class Elaborated(NamedTuple):
    """A graph, the copies that each item became (keyed by the item's identity), and the blocks and cells used."""

    graph: Graph
    uses: dict[int, list[Use]]
    blocks: frozenset[str]
    cells: dict[str, Cell]


@dataclass(eq=False)
class Common:
    """The state that the networks of one spec share: the bounds on memory and on items, and the names in use.

    ``rules`` are those of the `init` beside several networks, which holds for the layers of all of them.
    ``expanded`` counts items.
    """

    budget: Budget
    rules: WeightRules | None = None
    used: Used = field(default_factory=Used)
    expanded: int = 0


def elaborate(spec: WrittenSpec, report: Report, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> Elaborated:
    """Works out the graph of one network. ``limit_bytes`` bounds parameters, and activations at batch 1, each."""
    common = Common(Budget(limit_bytes))
    return Elaborator(spec, report, common).run(lambda: report_unused(spec, common.used, report))


class Elaborator:
    """Works out the graph of one network; everything wrong goes to ``report``."""

    def __init__(self, spec: WrittenSpec, report: Report, common: Common) -> None:
        self.spec = spec
        self.report = report
        self.common = common
        self.maker = LayerMaker(report, common.budget)
        self.aliases: dict[str, str] = {}
        self.uses: dict[int, list[Use]] = {}
        self.rules = WeightRules(report, common.rules)
        self.complete = True
        self.stack: list[str] = []
        self.blocks_used: set[str] = set()
        self.types = LayerTypes(spec, report)

    def run(self, finish: Callable[[], None] = lambda: None) -> Elaborated:
        """The graph. ``finish`` is called after the last item, unless the spec has holes."""
        spec = self.spec
        values = {name: Value(name, kind) for name, kind in spec.inputs.items()}
        last = next(iter(values.values())) if list(values) == ["input"] else None
        if not values:
            values, last = {"input": UNKNOWN}, UNKNOWN
        scope = Scope(
            self.report,
            "",
            dict(spec.constants),
            spec.constants_used,
            values,
            last,
            spec.layers,
            aliases=self.aliases,
        )
        if spec.init is not None:
            self.rules.for_types(spec.init, Reader(self.report, scope.names, scope.used))
        outputs: dict[str, str] = {}
        try:
            if "input" not in values:
                scope.unread.update(_input_places(spec))
            self._body(scope)
            outputs = self._outputs(scope)
            self._finish(scope, finish)
        except _TooMany:
            self.complete = False
        complete = self.complete and not spec.holes
        graph = Graph(
            spec.name,
            spec.inputs,
            self.rules.apply(list(self.maker.made.values())),
            outputs,
            self.aliases,
            complete and bool(outputs),
        )
        self.rules.report_unmatched(complete)
        cells = {name: layer.cell for name, layer in self.types.cells.items()}
        return Elaborated(graph, self.uses, frozenset(self.blocks_used), cells)

    def _body(self, scope: Scope) -> None:
        """Everything between the inputs and the outputs."""
        self._items(scope, self.spec.layers, "")

    def _finish(self, scope: Scope, finish: Callable[[], None]) -> None:
        used = self.common.used
        used.blocks |= self.blocks_used
        used.cells |= self.types.cells.keys()
        used.uncertain = used.uncertain or scope.uncertain
        if self.spec.holes:
            return  # what will stand there may use anything
        if not self.report.errors:
            scope.report_unread()
        finish()

    def _outputs(self, scope: Scope) -> dict[str, str]:
        if self.spec.outputs is None:
            last = scope.last
            scope.mark_read(last)
            return {"output": last.source} if last is not None and last.source is not None else {}
        outputs: dict[str, str] = {}
        for name, place in self.spec.outputs:
            if name in outputs:
                self.report.error(place, f"the output `{name}` is named twice", "Remove one.")
            value = scope.lookup(name, place, "")
            if value.source is not None:
                outputs[name] = value.source
        return outputs if len(outputs) == len(self.spec.outputs) else {}

    # One item

    def _items(self, scope: Scope, items: tuple[Item, ...], suffix: str, shared: str | None = None) -> None:
        for item in items:
            self._item(scope, item, suffix, shared)

    def _item(self, scope: Scope, item: Item, suffix: str, shared: str | None) -> None:
        if item.unknown:
            self._unknown_item(scope, item, suffix)
            return
        repeat = self._repeat(scope, item)
        if repeat is None:
            self._unknown_item(scope, item, suffix)
            return
        for copy in range(1, repeat + 1):
            self.common.expanded += 1
            if self.common.expanded > MAX_ITEMS:
                self._too_many(item.place)
            own = f"{suffix}_{copy}" if item.repeat is not None else suffix
            first = copy == 1
            if item.layers is not None:
                self._group(scope, item, own, first, shared)
            elif item.share is not None:
                self._share(scope, item, own, first, shared)
            else:
                self._layer_or_block(scope, item, own, first, shared)

    def _unknown_item(self, scope: Scope, item: Item, suffix: str) -> None:
        self.complete = False
        scope.uncertain = True
        scope.last = UNKNOWN
        if item.name is not None:
            scope.values[item.name + suffix] = UNKNOWN

    def _repeat(self, scope: Scope, item: Item) -> int | None:
        if item.repeat is None:
            return 1
        try:
            times = self._reader(scope).plain(item.repeat)
        except Unknown:
            return None
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            self.report.error(
                item.repeat.place, f"expected a whole number of at least 1, found {describe(times)}"
            )
            return None
        if times > MAX_ITEMS:
            self._too_many(item.repeat.place)
        return times

    def _too_many(self, place: Place) -> NoReturn:
        self.report.error(place, f"the spec expands to more than {MAX_ITEMS:,} items", "Lower a `repeat`.")
        raise _TooMany

    def _group(self, scope: Scope, item: Item, suffix: str, first: bool, shared: str | None) -> None:
        assert item.layers is not None
        for key, node in (("init", item.init), ("freeze", item.freeze), ("norm", item.norm)):
            if node is not None:
                self.report.error(node.place, f"a group takes no `{key}`", "Say it of each layer in it.")
        _refuse_state(item, "a group", self.report)
        if item.sources is not None and first:
            (scope.last,) = scope.arrivals(item, item.sources[:1], suffix)
            if len(item.sources) > 1:
                self.report.error(item.sources[1][1], f"a group takes one input, found {len(item.sources)}")
        self._items(scope, item.layers, suffix, shared)
        if item.name is not None and scope.last is not None:
            scope.give(item.name + suffix, item.name_place or item.place, scope.last)

    def _share(self, scope: Scope, item: Item, suffix: str, first: bool, shared: str | None) -> None:
        assert item.share is not None
        name, place = item.share
        original = next(
            (candidate for candidate in scope.candidates(name, suffix) if candidate in scope.made), None
        )
        if original is None:
            if not scope.uncertain and scope.values.get(name) is not UNKNOWN:
                last = scope.last_copy(name)
                self.report.error(
                    place,
                    f"there is no layer `{name}` above whose weights could be shared",
                    f"It is repeated: its copies are `{name}_1` to `{last}`."
                    if last
                    else did_you_mean(name, scope.made),
                )
            self._unknown_item(scope, item, suffix)
            return
        for key, node in (("init", item.init), ("freeze", item.freeze), ("norm", item.norm)):
            if node is not None:
                self.report.error(
                    node.place,
                    f"a shared layer takes no `{key}`",
                    f"The weights are `{name}`'s: say it there.",
                )
        source = scope.made[original]
        sharing = Item(
            place=item.place, kind=source.kind, kind_place=item.kind_place, fields=source.fields,
            name=item.name, name_place=item.name_place, sources=item.sources, state_from=item.state_from,
            norm=source.norm,
        )  # fmt: skip
        origin = scope.prefix + original
        self._layer_or_block(scope, sharing, suffix, first, shared_path(shared, scope, origin), written=item)

    def _layer_or_block(
        self,
        scope: Scope,
        item: Item,
        suffix: str,
        first: bool,
        shared: str | None,
        written: Item | None = None,
    ) -> None:
        """One copy of a layer or block. ``written`` is the item that shares, if this is a `share`."""
        assert item.kind is not None
        block = self.spec.blocks.get(item.kind)
        cls = self.types.of(item) if block is None else None
        snake = cls.snake if cls is not None else snake_case(item.kind)
        scope.counters[snake] += 1
        scope.uncertain = scope.uncertain or item.open_name
        name = item.name + suffix if item.name is not None else f"{snake}_{scope.counters[snake]}"
        origin = shared if written is not None or shared is None else f"{shared}.{name}"
        copy = Copy(
            scope=scope,
            item=item,
            written=written or item,
            name=name,
            full=scope.prefix + name,
            suffix=suffix,
            sources=item.sources if first else None,
            origin=origin,
        )
        if block is not None:
            value = self._block(copy, block)
        elif cls is not None:
            value = self._layer(copy, cls)
        else:
            value = UNKNOWN
            for source, place in copy.sources or ():
                scope.lookup(source, place, suffix)
        if value.source is None:
            self.complete = False
        scope.last = value
        scope.give(name, item.name_place or item.place, value)
        if written is None:
            scope.made[name] = item

    def _layer(self, copy: Copy, cls: type[Layer]) -> Value:
        made = self.maker.make(copy, cls)
        if made is not None:
            if (cell_type := self.types.cells.get(cls.__name__)) is not None:
                reader = Reader(self.report, self.spec.constants, self.spec.constants_used)
                self.rules.for_cell(copy.full, cell_type.cell, reader)
            self.rules.for_item(copy.full, cls.__name__, copy.item, copy.reader(self.report))
            self._note(copy, Use(copy.name, made.layer, made.sizes))
        return value_of(made)

    def _note(self, copy: Copy, use: Use) -> None:
        self.uses.setdefault(id(copy.written), []).append(use)

    def _reader(self, scope: Scope) -> Reader:
        return Reader(self.report, scope.names, scope.used)

    def _block(self, copy: Copy, block: Block) -> Value:
        self.blocks_used.add(block.name)
        _refuse_state(copy.item, f"the block `{block.name}`", self.report)
        if copy.item.norm is not None:
            problem = f"the block `{block.name}` takes no `norm`"
            self.report.error(copy.item.norm.place, problem, "Say it of the layers in it.")
        self._note(copy, Use(copy.name, None, {}))
        if block.name in layers:
            self.report.advise(block.place, f"the block `{block.name}` hides the layer type of that name")
        arrives = copy.scope.arrivals(copy.item, copy.sources, copy.suffix)
        if block.name in self.stack:
            chain = " → ".join([*self.stack[self.stack.index(block.name) :], block.name])
            self.report.error(copy.place, f"the block `{block.name}` contains itself: {chain}")
            return UNKNOWN
        if len(arrives) != len(block.inputs):
            wanted = ", ".join(f"`{name}`" for name in block.inputs)
            self.report.error(
                copy.item.field_place("from"),
                f"the block `{block.name}` takes {len(block.inputs)} inputs ({wanted}), found {len(arrives)}",
                "Give them in that order: `from: [a, b]`." if len(block.inputs) > 1 else None,
            )
            return UNKNOWN
        read = Watching(self.common.used.parameters.setdefault(block.name, set()), copy.scope.used)
        names = block_names(copy, block, arrives[0], self.spec.constants, read, self.report)
        if names is None:
            return UNKNOWN
        self.rules.for_item(copy.full, block.name, copy.item, copy.reader(self.report))
        values = dict(zip(block.inputs, arrives, strict=True))
        last = arrives[0] if block.inputs == ("input",) else None
        inner = Scope(
            self.report, f"{copy.full}.", names, read, values, last, block.layers, aliases=self.aliases
        )
        if last is None:
            inner.unread.update(dict.fromkeys(block.inputs, block.place))
        self.stack.append(block.name)
        with self.report.used_at(copy.place):
            self._items(inner, block.layers, "", copy.origin)
            inner.mark_read(inner.last)
            if not self.report.errors:
                inner.report_unread()
        self.stack.pop()
        copy.scope.uncertain = copy.scope.uncertain or inner.last is UNKNOWN
        return inner.last or UNKNOWN


def _refuse_state(item: Item, owner: str, report: Report) -> None:
    """Reports `state_from` beside a block or group: only a recurrent layer begins with a state."""
    if item.state_from is not None:
        report.error(item.state_from[1], f"{owner} takes no `state_from`", "Say it of the layer in it.")


def _input_places(spec: WrittenSpec) -> dict[str, Place]:
    """Where each of several inputs is named."""
    node = spec.written("inputs")
    return {str(key): place for key, place in node.keys.items()} if isinstance(node, Mapping) else {}


def shared_path(shared: str | None, scope: Scope, origin: str) -> str:
    """The name of the layer whose weights a `share` uses, inside a block that may be shared itself."""
    return origin if shared is None else f"{shared}.{origin.removeprefix(scope.prefix)}"

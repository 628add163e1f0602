"""Layers of the graph: fields read, inputs looked up, rule applied, weights and memory checked."""

from __future__ import annotations

from typing import NamedTuple

from builder.elaborate.budget import Budget
from builder.elaborate.scope import UNKNOWN, Scope, Value
from builder.errors import Cause, Place, Report
from builder.language.nodes import Mapping
from builder.layers.layer import Layer
from builder.reader import Reader, Unknown
from builder.shapes import Inferred
from builder.spec.graph import GraphLayer
from builder.spec.written import Item

Sources = tuple[tuple[str, Place], ...]


class Copy(NamedTuple):
    """One copy of an item.

    ``written`` is the item as the author wrote it (for a `share`, the sharing one). ``suffix`` numbers the
    copies of a `repeat`. ``full`` is the name in the graph, ``origin`` that of the layer whose weights it uses.
    ``sources`` are the names that it reads; None where it reads the item above.
    """

    scope: Scope
    item: Item
    written: Item
    name: str
    full: str
    suffix: str
    sources: Sources | None
    origin: str | None

    @property
    def place(self) -> Place:
        """Where the name of the type is written."""
        return self.item.kind_place or self.item.place

    def reader(self, report: Report) -> Reader:
        """A reader of fields that knows the names of the item's scope."""
        return Reader(report, self.scope.names, self.scope.used)


class LayerMaker:
    """Makes the layers of one graph; ``made`` holds them by their full names, in their order."""

    def __init__(self, report: Report, budget: Budget) -> None:
        self.report = report
        self.made: dict[str, GraphLayer] = {}
        self._budget = budget

    def make(self, copy: Copy, cls: type[Layer]) -> GraphLayer | None:
        """The layer; None if anything about it is wrong (reported) or not known."""
        layer = copy.reader(self.report).component(cls, copy.item.fields, copy.place)
        sources = self._merged(copy, layer) if cls.merges else copy.sources
        arrives = copy.scope.arrivals(copy.item, sources, copy.suffix)
        if layer is None or any(value.type is None for value in arrives):
            return None
        inferred = self._infer(copy, layer, arrives)
        if inferred is None:
            return None
        norm = self._norm(copy)
        if norm is not None:
            try:
                from builder.elaborate.parametrisation import normed

                inferred = normed(layer, inferred, norm)
            except Cause as cause:
                assert copy.item.norm is not None
                self.report.error(copy.item.norm.place, cause.problem, cause.hint)
                return None
        starts_from = self._starts_from(copy, layer, inferred)
        origin = self._owner(copy.origin)
        if origin is not None and not self._same_weights(copy, inferred, origin):
            return None
        if not self._budget.take(inferred, copy.place, self.report, shared=origin is not None):
            return None
        if copy.full in self.made:
            return None  # the name is given twice, which is reported where it is given
        made = GraphLayer(
            name=copy.full,
            type=cls.__name__,
            layer=layer,
            inputs=tuple(value.source for value in arrives if value.source is not None),
            output_type=inferred.output,
            parameter_shapes={} if origin else inferred.parameters,
            buffer_shapes={} if origin else inferred.buffers,
            multiply_adds=inferred.multiply_adds,
            how=inferred.how,
            sizes=inferred.sizes,
            place=copy.item.place,
            shared_with=origin,
            norm=norm,
            ports=inferred.ports,
            starts_from=starts_from,
            over=inferred.over,
        )
        self.made[copy.full] = made
        return made

    def _infer(self, copy: Copy, layer: Layer, arrives: list[Value]) -> Inferred | None:
        try:
            return layer.infer(*(value.type for value in arrives if value.type is not None))
        except Cause as cause:
            # Of several copies only some may be wrong: say which.
            which = f"`{copy.name}`: " if copy.suffix else ""
            place = copy.item.field_place(cause.field)
            if cause.place is None:
                self.report.error(place, which + cause.problem, cause.hint, offset=cause.offset)
            else:  # in a cell's equation
                with self.report.used_at(place):
                    self.report.error(cause.place, which + cause.problem, cause.hint, offset=cause.offset)
            return None

    def _norm(self, copy: Copy) -> str | None:
        """The value of `norm`; None where it is missing, a hole, or wrong (reported)."""
        if copy.item.norm is None:
            return None
        from builder.elaborate.parametrisation import read_norm

        try:
            return read_norm(copy.item.norm, copy.reader(self.report))
        except Unknown:
            return None
        except Cause as cause:
            self.report.error(copy.item.norm.place, cause.problem, cause.hint)
            return None

    def _starts_from(self, copy: Copy, layer: Layer, inferred: Inferred) -> str | None:
        """The layer that `state_from` names; reports final states that do not fit this layer's."""
        if copy.item.state_from is None:
            return None
        from builder.elaborate.states import check_states

        name, place = copy.item.state_from
        value = copy.scope.lookup(name, place, copy.suffix)
        if value.source is None:
            return None
        try:
            check_states(name, self.made.get(value.source), layer, inferred)
        except Cause as cause:
            self.report.error(place, cause.problem, cause.hint)
        return value.source

    def _merged(self, copy: Copy, layer: Layer | None) -> Sources | None:
        """What a merging layer reads: its field ``of``, or the item's ``from``."""
        of = getattr(layer, "of", None)
        if of is None:
            return copy.sources
        place = copy.item.field_place("of")
        if copy.sources is not None:
            self.report.error(place, f"`{copy.item.kind}` has `of` and `from`", "Keep one of the two.")
            return copy.sources
        fields = copy.item.fields
        nodes = fields.get("of") if isinstance(fields, Mapping) else fields
        places = [node.place for node in getattr(nodes, "items", ())]
        return tuple((str(name), places[i] if i < len(places) else place) for i, name in enumerate(of))

    def _owner(self, origin: str | None) -> str | None:
        """The layer that owns the weights of ``origin``, which may share them itself."""
        layer = self.made.get(origin) if origin is not None else None
        return (layer.shared_with or origin) if layer is not None else origin

    def _same_weights(self, copy: Copy, inferred: Inferred, origin: str) -> bool:
        owner = self.made.get(origin)
        if owner is None:
            return False
        for key, shape in owner.parameter_shapes.items():
            here = inferred.parameters.get(key)
            if here != shape:
                self.report.error(
                    copy.item.place,
                    f"`{origin}` has {key} of {list(shape)}, and here {list(here or ())} would be needed",
                    "A shared layer must meet the same sizes as the first.",
                )
                return False
        return True


def value_of(made: GraphLayer | None) -> Value:
    """The value of a layer's output; ``UNKNOWN`` where there is no layer."""
    return Value(made.name, made.output_type, made.ports) if made is not None else UNKNOWN

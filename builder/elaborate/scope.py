"""The names that the items of one network, or of one use of a block, may read, and which of them are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from builder.errors import Place, Report, did_you_mean
from builder.shapes import TensorType
from builder.spec.written import Item


class Value(NamedTuple):
    """The value of a name: the input or layer it comes from, and its type; both are None if not known.

    ``ports`` are the types of the layer's final states, by their own names (``h``).
    """

    source: str | None = None
    type: TensorType | None = None
    ports: Mapping[str, TensorType] = MappingProxyType({})


UNKNOWN: Final = Value()


@dataclass(eq=False)
class Scope:
    """The values of one network, or of one use of a block, by name.

    ``prefix`` stands before every name in the graph. ``names`` are those of expressions (``$width``), ``used``
    the ones that were read. ``last`` is the value of the item above; None before the first item of several
    inputs. ``given`` holds where each layer's name was given, ``made`` the items whose weights can be shared,
    ``unread`` the names that no item has read so far, and ``read`` the sources that some item reads under any
    name. ``uncertain`` means that an item could not be worked out: names may be missing.
    """

    report: Report
    prefix: str
    names: dict[str, object]
    used: set[str]
    values: dict[str, Value]
    last: Value | None
    items: tuple[Item, ...]
    given: dict[str, Place] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    made: dict[str, Item] = field(default_factory=dict)
    unread: dict[str, Place] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    uncertain: bool = False

    def candidates(self, name: str, suffix: str) -> list[str]:
        """The names that ``name`` may mean in a copy of a repeated group: the copy's own first."""
        copies = suffix.split("_")[1:]
        own = [name + "".join(f"_{copy}" for copy in copies[:depth]) for depth in range(len(copies), 0, -1)]
        return [*own, name]

    def arrivals(self, item: Item, sources: tuple[tuple[str, Place], ...] | None, suffix: str) -> list[Value]:
        """The values an item reads: those of ``sources``, or without them the value of the item above."""
        if sources is not None:
            return [self.lookup(name, place, suffix) for name, place in sources]
        if self.last is None:
            known = ", ".join(f"`{name}`" for name in self.values)
            self.report.error(
                item.place,
                "the first layer must say which input it reads",
                f"Add `from:` and one of {known}.",
            )
            return [UNKNOWN]
        self.mark_read(self.last)
        return [self.last]

    def lookup(self, name: str, place: Place, suffix: str) -> Value:
        """The value called ``name``, marked as read; ``UNKNOWN`` where there is none (reported at ``place``)."""
        if name == "last":
            if self.last is None:
                self.report.error(place, "there is nothing above to read", "Name an input.")
                return UNKNOWN
            self.mark_read(self.last)
            return self.last
        for candidate in self.candidates(name, suffix):
            if candidate in self.values:
                value = self.values[candidate]
                self.unread.pop(candidate, None)
                self.mark_read(value)
                return value
        owner, _, port = name.rpartition(".")
        if owner:
            candidates = self.candidates(owner, suffix)
            holder = next(
                (self.values[candidate] for candidate in candidates if candidate in self.values), None
            )
            if holder is UNKNOWN:
                return UNKNOWN
            if holder is not None and port in holder.ports:
                self.mark_read(holder)
                return Value(f"{holder.source}.{port}", holder.ports[port])
        if not self.uncertain:
            self.report.error(place, *self._not_there(name))
        return UNKNOWN

    def _not_there(self, name: str) -> tuple[str, str | None]:
        if (last := self.last_copy(name)) is not None:
            return f"`{name}` is repeated, and its copies are `{name}_1` to `{last}`", f"Say `{last}`."
        if any(item.name == name for item in self.items):
            return f"`{name}` stands below; a layer reads only what stands above it", "Move it up."
        head, _, port = name.rpartition(".")
        if ports := self.values.get(head, UNKNOWN).ports:
            return f"`{head}` has no port `{port}`", f"It has {' and '.join(f'`{port}`' for port in ports)}."
        head = name.partition(".")[0]
        if "." in name and head in self.values:
            return f"`{name}` is inside `{head}`, and only a block's output can be read", f"Say `{head}`."
        if name == "input":
            known = ", ".join(f"`{key}`" for key in self.values)
            return "there are several inputs, and `input` names none of them", f"Known here: {known}."
        return f"there is no layer `{name}` above", did_you_mean(name, self.values)

    def last_copy(self, name: str) -> str | None:
        """The name of the last copy of the item called ``name`` above; None where it does not repeat."""
        copies = [item for item in self.items if item.name == name and item.repeat is not None]
        count = 0
        while copies and f"{name}_{count + 1}" in self.given:
            count += 1
        return f"{name}_{count}" if count else None

    def mark_read(self, value: Value | None) -> None:
        """Marks ``value`` as read under each of its names."""
        if value is not None and value.source is not None:
            self.read.add(value.source)

    def give(self, name: str, place: Place, value: Value) -> None:
        """Gives a value its name; a name that is taken is reported."""
        if name in self.values and not (self.values[name] is UNKNOWN and name not in self.given):
            other = self.given.get(name)
            line = f", in line {other.line}" if other else ""
            self.report.error(
                place,
                f"the name `{name}` is given twice{line}"
                if other
                else f"`{name}` is an input's name already",
                "Layers without a `name` are called by their type and a number.",
            )
        self.given[name] = place
        self.values[name] = value
        if value.source is not None:
            self.unread[name] = place
            if self.prefix + name != value.source:
                self.aliases[self.prefix + name] = value.source

    def report_unread(self) -> None:
        """Reports each value that no item reads."""
        for name, place in self.unread.items():
            if self.values.get(name, UNKNOWN).source in self.read:
                continue
            self.report.error(
                place,
                f"nothing reads `{name}`" if name in self.given else f"nothing reads the input `{name}`",
                "Name it in a `from`, in `outputs` or in a merging layer, or remove it.",
            )

"""The names that the items of one network, or of one use of a block, see: who gave them, who reads them."""

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
    """What a name stands for: the input or layer it comes from, and its type; both none if not known.

    ``ports`` are the types of what the layer gives beside its output, by their own names (``h``).
    """

    source: str | None = None
    type: TensorType | None = None
    ports: Mapping[str, TensorType] = MappingProxyType({})


UNKNOWN: Final = Value()


@dataclass(eq=False)
class Scope:
    """``prefix`` stands before every name in the graph; ``names`` are what expressions may read.

    ``last`` is the value of the item above, none above the first item of several inputs. ``made`` holds
    the items whose weights can be shared, ``unread`` the names that nothing has said yet, and ``read`` the
    values that something reads, under whatever name. ``uncertain`` says that an item could not be worked
    out, so that names may be missing.
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
        """What ``name`` may mean in a repeated group's copy: that copy's own first."""
        copies = suffix.split("_")[1:]
        return [name + "".join(f"_{c}" for c in copies[:n]) for n in range(len(copies), 0, -1)] + [name]

    def arrivals(self, item: Item, sources: tuple[tuple[str, Place], ...] | None, suffix: str) -> list[Value]:
        """The values an item reads: those it names, or the one above."""
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
        """The value called ``name``, which is then read; an error at ``place`` if there is none."""
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
            found = [self.values[one] for one in self.candidates(owner, suffix) if one in self.values]
            if found and found[0] is UNKNOWN:
                return UNKNOWN
            if found and port in found[0].ports:
                self.mark_read(found[0])
                return Value(f"{found[0].source}.{port}", found[0].ports[port])
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
            return f"`{head}` has no port `{port}`", f"It has {' and '.join(f'`{p}`' for p in ports)}."
        head = name.partition(".")[0]
        if "." in name and head in self.values:
            return f"`{name}` is inside `{head}`, and only a block's output can be read", f"Say `{head}`."
        if name == "input":
            known = ", ".join(f"`{n}`" for n in self.values)
            return "there are several inputs, and `input` names none of them", f"Known here: {known}."
        return f"there is no layer `{name}` above", did_you_mean(name, self.values)

    def last_copy(self, name: str) -> str | None:
        """The last of the copies of what repeats under ``name``, if it does and stands above."""
        copies = [item for item in self.items if item.name == name and item.repeat is not None]
        count = 0
        while copies and f"{name}_{count + 1}" in self.given:
            count += 1
        return f"{name}_{count}" if count else None

    def mark_read(self, value: Value | None) -> None:
        """Notes that something reads ``value``, under whatever names it has."""
        if value is not None and value.source is not None:
            self.read.add(value.source)

    def give(self, name: str, place: Place, value: Value) -> None:
        """Gives a value its name; an error if the name is taken."""
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
        """Every value that nothing reads is an error."""
        for name, place in self.unread.items():
            if self.values.get(name, UNKNOWN).source in self.read:
                continue
            self.report.error(
                place,
                f"nothing reads `{name}`" if name in self.given else f"nothing reads the input `{name}`",
                "Name it in a `from`, in `outputs` or in a merging layer, or remove it.",
            )

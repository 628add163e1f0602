"""From nodes to components: fields read, choices made, expressions evaluated, every error at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from builder.component import (
    C,
    Catalogue,
    Choice,
    Choices,
    Component,
    Named,
    choice_of,
    label_of,
    section_of,
)
from builder.errors import Cause, Place, Report, did_you_mean, nearest
from builder.language.later import later
from builder.language.nodes import HOLE, Mapping, Node, Scalar, Sequence, describe

if TYPE_CHECKING:  # a spec without arithmetic does not pay for it
    from builder.language.expression import Names


class Unknown(Exception):
    """A value that is not known: a hole, or something already reported. What follows is silent."""


class Reader:
    """Reads components from nodes; everything wrong goes to the report, at its place.

    ``names`` are what ``$name`` and ``$(…)`` may refer to; ``used`` collects those that were.
    """

    def __init__(self, report: Report, names: Names, used: set[str] | None = None) -> None:
        self.report = report
        self.names = names
        self.used = used if used is not None else set()

    def plain(self, node: Node) -> Any:
        """The node as plain data, expressions evaluated. Raises ``Unknown`` for a hole or an error."""
        if isinstance(node, Sequence):
            return self._all([lambda n=item: self.plain(n) for item in node.items])
        if isinstance(node, Mapping):
            values = self._all([lambda n=item: self.plain(n) for item in node.entries.values()])
            return dict(zip(node.entries, values, strict=True))
        if node.is_hole:
            raise Unknown
        if node.is_expression:
            from builder.language.expression import evaluate

            try:
                value = evaluate(str(node.value), _Watched(self.names, self.used))
            except Cause as cause:
                offset = cause.offset + node.quoted  # the quote stands before
                self.report.error(node.place, cause.problem, cause.hint, offset=offset)
                raise Unknown from None
            return value
        return node.value

    def choice(self, catalogue: Catalogue[C], node: Node) -> C | None:
        """A component by its name, or None if it was wrong (and reported) or not known."""
        if isinstance(node, Scalar) and node.is_hole:
            return None
        if isinstance(node, Scalar) and isinstance(node.value, str):
            try:
                name = self.plain(node)
            except Unknown:
                return None
            return self._named(catalogue, str(name), node.place, None)
        if isinstance(node, Mapping) and len(node.entries) == 1:
            (name, fields), (place,) = next(iter(node.entries.items())), node.keys.values()
            return self._named(catalogue, str(name), place, fields)
        self.report.error(
            node.place,
            f"expected {_one(catalogue)} as `Name` or `Name: {{…}}`, found {describe(node)}",
            "Each stands alone under its name." if isinstance(node, Mapping) else None,
        )
        return None

    def choices(self, catalogue: Catalogue[C], node: Node) -> tuple[C, ...] | None:
        """A list of components, or None if any was wrong."""
        if not isinstance(node, Sequence):
            self.report.error(
                node.place, f"expected a list, each item {_one(catalogue)}, found {describe(node)}"
            )
            return None
        components = [self.choice(catalogue, item) for item in node.items]
        return None if any(c is None for c in components) else tuple(c for c in components if c is not None)

    def _named(self, catalogue: Catalogue[C], name: str, place: Place, fields: Node | None) -> C | None:
        if name == HOLE:
            return None
        try:
            cls = catalogue.get(name)
        except Cause as cause:
            self.report.error(place, cause.problem, cause.hint)
            return None
        return self.component(cls, fields, place)

    def component(self, cls: type[C], node: Node | None, place: Place) -> C | None:
        """A component of a known class from its fields, its short form or nothing.

        ``place`` is where its name stands. Returns None if anything was wrong, reported field by field.
        """
        entries, places = self._entries(cls, node, place)
        if entries is None:
            return None
        values: dict[str, Any] = {}
        failed: set[str] = set()
        for key, value in entries.items():
            try:
                if key not in cls.model_fields:
                    self._unknown_field(cls, key, places[key])
                    meant = nearest(key, cls.model_fields)
                    failed.update({meant} if meant and meant not in entries else ())
                    raise Unknown
                values[key] = self._field(cls, key, value)
            except Unknown:
                failed.add(key)
        try:
            made = cls.model_validate(values)
        except ValidationError as error:
            self._translate(cls, error, entries, place, failed)
            return None
        except Cause as cause:
            if not failed:
                self.report.error(place_of(entries, cause.field, place), cause.problem, cause.hint)
            return None
        return None if failed else made

    def _entries(
        self, cls: type[Component], node: Node | None, place: Place
    ) -> tuple[dict[str, Node] | None, dict[str, Place]]:
        if node is None or (isinstance(node, Scalar) and node.value is None and not node.quoted):
            return {}, {}
        if isinstance(node, Scalar) and node.is_hole:
            return None, {}
        if isinstance(node, Mapping):
            if cls.gathers is not None:
                return {cls.gathers: node}, {cls.gathers: node.place}
            if cls.chooses is not None:
                node = self._with_choice(cls, cls.chooses, node)
            return {str(k): v for k, v in node.entries.items()}, {str(k): p for k, p in node.keys.items()}
        if cls.main is None:
            label, fields = label_of(cls), ", ".join(f"`{name}`" for name in cls.model_fields)
            self.report.error(
                node.place,
                f"`{label}` takes {'its fields by name' if fields else 'no fields'}, found {describe(node)}",
                f"Its fields: {fields}." if fields else f"Write `{label}` alone.",
            )
            return None, {}
        return {cls.main: node}, {cls.main: node.place}

    def _with_choice(self, cls: type[Component], field: str, node: Mapping) -> Mapping:
        """The mapping with what it names of the field's catalogue put under the field itself.

        A key that is neither known there nor near a field's name is taken for a name of the catalogue.
        """
        catalogue = choice_of(cls, field).catalogue
        beside = cls.model_fields.keys() - {field}
        strangers = [key for key in node.entries if key not in beside]
        named = [key for key in strangers if key in catalogue or key in catalogue.later or key == HOLE]
        named = named or [key for key in strangers if nearest(str(key), beside) is None][:1]
        entries = {key: value for key, value in node.entries.items() if key not in named}
        keys = {key: place for key, place in node.keys.items() if key not in named}
        if len(named) > 1:
            listed = " and ".join(f"`{key}`" for key in named)
            self.report.error(
                node.keys[named[1]],
                f"`{label_of(cls)}` takes one {catalogue.kind}, and {listed} stand here",
                "Keep one of them.",
            )
            for key in named:  # for what else is wrong
                self._named(catalogue, str(key), node.keys[key], node.entries[key])
            entries[field] = Scalar(HOLE, HOLE, False, node.keys[named[0]])  # which is meant is not known
        elif named:
            (key,) = named
            entries[field] = Mapping({key: node.entries[key]}, {key: node.keys[key]}, node.keys[key])
        if named:
            keys[field] = node.keys[named[0]]
        return Mapping(entries, keys, node.place)

    def _field(self, cls: type[Component], key: str, node: Node) -> Any:
        info = cls.model_fields[key]
        for mark in info.metadata:
            if isinstance(mark, Choice):
                if isinstance(node, Scalar) and node.value is None and not info.is_required():
                    return info.default
                return self._known(self.choice(mark.catalogue, node))
            if isinstance(mark, Choices):
                return self._known(self.choices(mark.catalogue, node))
            if isinstance(mark, Named):
                return self._sections(mark.section, node)
        section = section_of(info)
        if section is not None:
            if isinstance(node, Scalar) and node.value is None and not node.quoted and not info.is_required():
                return info.default
            return self._known(self.component(section, node, node.place))
        return self.plain(node)

    def _sections(self, section: type[Component], node: Node) -> dict[str, Any]:
        """A section under each name of a mapping."""
        if not isinstance(node, Mapping):
            self.report.error(node.place, f"expected names, each with its value, found {describe(node)}")
            raise Unknown
        thunks = [
            lambda n=value, p=node.keys[key]: self._known(self.component(section, n, p))
            for key, value in node.entries.items()
        ]
        return dict(zip(map(str, node.entries), self._all(thunks), strict=True))

    @staticmethod
    def _known(value: Any) -> Any:
        if value is None:
            raise Unknown
        return value

    @staticmethod
    def _all(thunks: list[Any]) -> list[Any]:
        """Runs all, so that every error is reported, then fails if any did."""
        values: list[Any] = []
        unknown = False
        for thunk in thunks:
            try:
                values.append(thunk())
            except Unknown:
                unknown = True
        if unknown:
            raise Unknown
        return values

    def _unknown_field(self, cls: type[Component], key: str, place: Place) -> None:
        label = label_of(cls)
        if key in cls.refused:
            self.report.error(place, f"`{label}` does not take `{key}` here", cls.refused[key])
        elif key in later(cls.__name__):
            self.report.error(place, f"the field `{key}` of `{label}` is not available yet")
        else:
            known = [name for name in cls.model_fields if name != cls.chooses]
            self.report.error(place, f"`{label}` has no field `{key}`", did_you_mean(key, known))

    def _translate(
        self,
        cls: type[Component],
        error: ValidationError,
        entries: dict[str, Node],
        place: Place,
        failed: set[str],
    ) -> None:
        by_field: dict[str, list[ErrorDetails]] = {}
        for details in error.errors(include_url=False):
            by_field.setdefault(str(details["loc"][0]) if details["loc"] else "", []).append(details)
        for name, found in by_field.items():
            if name in failed:
                continue
            node = entries.get(name)
            if found[0]["type"] == "missing":
                wanted = f"`{name}`" if name != cls.chooses else f"one {choice_of(cls, name).catalogue.kind}"
                example = next((e.text for e in cls.accepts if e.text), None)
                hint = f"As in `{label_of(cls)}: {example}`." if example else None
                self.report.error(place, f"`{label_of(cls)}` needs {wanted}", hint)
            else:
                problem, hint = sentence(found)
                self.report.error(_at(node, found[0]["loc"][1:], place), problem, hint)


class Unresolved:
    """Stands in ``Reader.names`` for a value that cannot be known after an earlier error."""


class _Watched(MappingABC[str, object]):
    """Names that note which of them were read."""

    def __init__(self, names: Names, used: set[str]) -> None:
        self._names = names
        self._used = used

    def __getitem__(self, name: str) -> object:
        self._used.add(name)
        found = self._names[name]
        if isinstance(found, Unresolved):
            raise Unknown
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _one(catalogue: Catalogue[C]) -> str:
    """`a loss`, `an attack`."""
    return f"{'an' if catalogue.kind[0] in 'aeiou' else 'a'} {catalogue.kind}"


def place_of(entries: MappingABC[str, Node], field: str | None, place: Place) -> Place:
    """Where the field of a ``Cause`` stands: ``loss``, or ``metrics.1`` for an item of a list."""
    name, *rest = (field or "").split(".")
    loc = tuple(int(part) if part.isdecimal() else part for part in rest)
    return _at(entries.get(name), loc, place)


def place_within(section: Node, field: str | None) -> Place:
    """Where the field of a ``Cause`` stands within a section's node."""
    entries = section.entries if isinstance(section, Mapping) else {}
    return place_of({str(key): node for key, node in entries.items()}, field, section.place)


def _at(node: Node | None, loc: tuple[int | str, ...], place: Place) -> Place:
    while node is not None and loc:
        child: Node | None = None
        if isinstance(node, Sequence) and isinstance(loc[0], int) and loc[0] < len(node.items):
            child = node.items[loc[0]]
        elif isinstance(node, Mapping):
            child = node.entries.get(loc[0])
        if child is None:
            break
        node, loc = child, loc[1:]
    return node.place if node is not None else place


def sentence(found: list[ErrorDetails]) -> tuple[str, str | None]:
    """The problem and hint of one field's pydantic errors; alternatives are joined by "or"."""
    expected: list[str] = []
    hint: str | None = None
    for details in found:
        context = details.get("ctx", {})
        if details["type"] == "literal_error":
            allowed = [w or n for w, n in re.findall(r"'([^']*)'|(-?\d+)", str(context["expected"]))]
            expected.extend(f"`{word}`" for word in allowed)
            if isinstance(details["input"], str) and (close := nearest(details["input"], allowed)):
                hint = hint or f"Did you mean `{close}`?"
        elif details["type"] == "field":
            problem = str(context["problem"])
            hint = hint or context.get("hint")
            if not problem.startswith("expected "):
                return problem, hint
            expected.append(problem.removeprefix("expected ").rsplit(", found ", 1)[0])
        elif details["type"] == "value_error":
            return str(context["error"]), None
        elif details["type"] == "none_required":
            continue
        else:
            return str(details["msg"]), None
    joined = expected[0] if len(expected) == 1 else ", ".join(expected[:-1]) + " or " + expected[-1]
    return f"expected {joined}, found {describe(found[0]['input'])}", hint

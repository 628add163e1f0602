"""``--set train.epochs=3``: single values of a document, replaced before it is read as a spec."""

from __future__ import annotations

import re
from collections.abc import Sequence as SequenceABC
from dataclasses import replace
from typing import Final

from builder.errors import Cause, Place, Report, SpecErrors
from builder.language.nodes import Document, Mapping, Node, Scalar, Sequence
from builder.language.source import read_text

_STEP: Final = r"([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]"


def override(document: Document, sets: SequenceABC[str], report: Report) -> Document:
    """The document with each ``path=value`` put in; the value is YAML. Errors stand at ``--set``."""
    for text in sets:
        place = Place("--set", 1, 1, text.partition("=")[0])
        try:
            root = _put(document.root, *parse(text), place)
        except Cause as cause:
            report.error(place, cause.problem, cause.hint)
            continue
        holes = tuple(hole for hole in document.holes if not _covers(place.path, hole.path))
        document = replace(document, root=root, holes=holes)
    return document


def parse(text: str) -> tuple[list[str | int], Node]:
    """The steps of the path and the value of ``path=value``. Raises ``Cause`` for what is not of that form."""
    place = Place("--set", 1, 1, text.partition("=")[0])
    return _steps(text), _value(text, place)


def _covers(path: str, other: str) -> bool:
    return other == path or other.startswith((f"{path}.", f"{path}["))


def _steps(text: str) -> list[str | int]:
    path, equals, _ = text.partition("=")
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        step = re.match(_STEP, path[position:])
        if not step:
            break
        steps.append(step[1] if step[1] else int(step[2]))
        position += step.end()
        if position < len(path) and path[position] == ".":
            position += 1
    if not equals or not steps or position < len(path):
        raise Cause(f"expected `key=value`, found `{text}`", "As in `--set train.epochs=3`.")
    return steps


def _value(text: str, place: Place) -> Node:
    value = text.partition("=")[2]
    if not value:
        return Scalar(None, "", False, place)
    try:
        document = read_text(value, "--set")
    except SpecErrors as errors:
        raise Cause(errors.errors[0].problem, errors.errors[0].hint) from None
    if document.holes:
        raise Cause("`???` is a place to fill, and `--set` fills places", "Write the value.")
    return _moved(document.root, place)


def _moved(node: Node, place: Place) -> Node:
    """The node with every place set to the option's."""
    if isinstance(node, Mapping):
        entries = {key: _moved(value, place) for key, value in node.entries.items()}
        return Mapping(entries, dict.fromkeys(entries, place), place)
    if isinstance(node, Sequence):
        return Sequence(tuple(_moved(item, place) for item in node.items), place)
    return replace(node, place=place)


def _put(node: Node | None, steps: list[str | int], value: Node, place: Place) -> Node:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(node, Sequence) or step >= len(node.items):
            raise Cause(f"there is no item [{step}] to set")
        items = list(node.items)
        items[step] = _put(items[step], rest, value, place)
        return replace(node, items=tuple(items))
    if node is None or (isinstance(node, Scalar) and node.value is None):
        node = Mapping({}, {}, place)
    if isinstance(node, Scalar) and isinstance(node.value, str):  # a bare name has no fields yet
        node = Mapping({node.value: Mapping({}, {}, place)}, {node.value: node.place}, node.place)
    if not isinstance(node, Mapping):
        raise Cause(f"`{step}` cannot be set, since what stands there has no keys")
    entries = dict(node.entries)
    entries[step] = _put(node.get(step), rest, value, place)
    return replace(node, entries=entries, keys={**node.keys, step: node.keys.get(step, place)})

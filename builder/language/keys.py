"""What all readers of a spec ask of a node: its keys, and whether a starter left it open."""

from __future__ import annotations

from collections.abc import Iterator

from builder.errors import Cause, Place, Report, did_you_mean, nearest
from builder.language.later import later
from builder.language.names import check_name
from builder.language.nodes import Mapping, Node, Scalar, Sequence


def read_keys(node: Mapping, known: tuple[str, ...], owner: str, report: Report) -> None:
    """Reports every key of ``node`` that is not known; ``owner`` has them (``a spec``)."""
    for key, place in node.keys.items():
        if key in known:
            continue
        if key in later(owner):
            report.error(place, f"`{key}` is not available yet")
        else:
            report.error(place, f"{owner} has no key `{key}`", did_you_mean(str(key), known))


def misspelt(wanted: str, node: Mapping, known: tuple[str, ...]) -> bool:
    """Whether one of the keys was most likely meant to be ``wanted``."""
    return any(nearest(str(key), known) == wanted for key in node.entries if key not in known)


def is_hole(node: Node | None) -> bool:
    """Whether the node is `???`."""
    return isinstance(node, Scalar) and node.is_hole


def has_hole(node: Node) -> bool:
    """Whether the node, or an item of it, is `???`."""
    return is_hole(node) or (isinstance(node, Sequence) and any(is_hole(item) for item in node.items))


def holes_of(node: Node) -> Iterator[Place]:
    """The places of every `???` in the node."""
    if isinstance(node, Mapping):
        for value in node.entries.values():
            yield from holes_of(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from holes_of(item)
    elif node.is_hole:
        yield node.place


def checked_name(name: object, place: Place, report: Report) -> None:
    """Reports a name that a layer, input, block or parameter may not have."""
    try:
        check_name(name)
    except Cause as cause:
        report.error(place, cause.problem, cause.hint)

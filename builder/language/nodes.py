"""Plain data that remembers where it stands: what a spec is before it means anything."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from builder.errors import Place

HOLE: Final = "???"
LONGEST_KEY: Final = 80
LONGEST_PATH: Final = 240
_EXPRESSION: Final = r"\$(?:[A-Za-z_]\w*|\(.*\))\Z"

Plain = None | bool | int | float | str


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value. ``quoted`` values are always text."""

    value: Plain
    text: str
    quoted: bool
    place: Place

    @property
    def is_hole(self) -> bool:
        """Whether a starter left this place to be filled."""
        return not self.quoted and self.text == HOLE

    @property
    def is_expression(self) -> bool:
        """Whether it stands for another value: ``$name`` or ``$(…)``, in quotes too.

        Flow style needs the quotes around a comma: ``{stride: "$(minimum(a, b))"}``.
        """
        if not isinstance(self.value, str) or not self.value.startswith("$"):
            return False
        return not self.quoted or re.match(_EXPRESSION, self.value, re.DOTALL) is not None


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list of values."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """Keys and values in the file's order; ``keys`` holds each key's own place."""

    entries: dict[str | int, Node]
    keys: dict[str | int, Place]
    place: Place

    def get(self, key: str) -> Node | None:
        """The value at ``key``, or None."""
        return self.entries.get(key)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A file that was read: its root, its text and the holes a starter left in it."""

    file: str
    text: str
    root: Node
    holes: tuple[Place, ...] = ()


def join_path(path: str, key: str | int) -> str:
    """The path of a value below ``path``, shortened at its front if it grows long.

    >>> join_path(join_path(join_path("", "layers"), 3), "Conv2d")
    'layers[3].Conv2d'
    """
    if isinstance(key, int):
        longer = f"{path}[{key}]"
    else:
        name = key if len(key) <= LONGEST_KEY else key[: LONGEST_KEY - 1] + "…"
        longer = f"{path}.{name}" if path else name
    return longer if len(longer) <= LONGEST_PATH else "…" + longer[1 - LONGEST_PATH :]


def written(node: Node) -> Any:
    """A node as plain data, expressions left as text."""
    if isinstance(node, Mapping):
        return {key: written(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [written(item) for item in node.items]
    return node.value


def describe(value: object) -> str:
    """A value or node as an error names it: what was found.

    >>> describe("6"), describe(5.0), describe(True), describe([1, "a"])
    ('the text "6"', 'the real number 5.0', 'true', 'the list [1, "a"]')
    """
    match value:
        case Scalar():
            return describe(value.value)
        case None:
            return "nothing"
        case bool():
            return _short(value)
        case int():
            if value.bit_length() > 10_000:  # Python itself will not write it out
                return "a whole number of thousands of digits"
            shown = str(value)
            return shown if len(shown) <= 20 else f"a whole number of {len(shown.lstrip('-'))} digits"
        case float():
            return f"the real number {value}" if math.isfinite(value) else _short(value)
        case str():
            return f"the text {_short(value)}"
        case Sequence():
            return "a list"
        case list() | tuple():
            shown = ", ".join(_short(item) for item in value[:20])
            return f"the list [{shown}]" if len(value) <= 20 and len(shown) <= 40 else "a list"
    return "a mapping"


def _short(value: object) -> str:
    """A value inside a list, as YAML writes it; what is nested is only hinted at."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value.bit_length() < 64 else "…"
        case float():
            return str(value) if math.isfinite(value) else f"`{str(value)[:-3]}.{str(value)[-3:]}`"
        case str():
            return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}…"'
        case list() | tuple():
            return "[…]"
    return "{…}"

"""YAML text to plain data that remembers its places (YAML 1.2, core schema).

PyYAML's C scanner gives events; the nodes are made here, because its own composer crashes the process on
deep nesting, and the limits must hold before anything is expanded. Source: YAML 1.2.2, chapter 10.3.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from builder.errors import Place, SpecError, SpecErrors

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
MAX_DIGITS: Final = 300
HOLE: Final = "???"

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
        """The value at ``key``, or none."""
        return self.entries.get(key)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A file that was read: its root, its text and the holes a starter left in it."""

    file: str
    text: str
    root: Node
    holes: tuple[Place, ...] = field(default=())


def read_file(path: Path) -> Document:
    """Reads a spec from a regular file.

    Raises ``SpecErrors`` if it is no regular file, too large, no UTF-8 or no YAML, and ``OSError`` if it
    cannot be opened at all.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise _refusal(str(path), f"expected a file, found {_kind(status.st_mode)}")
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    return read_bytes(data, str(path))


def read_bytes(data: bytes, file: str) -> Document:
    """Reads a spec from bytes, as ``read_file`` does."""
    if len(data) > MAX_BYTES:
        raise _refusal(
            file, f"the file is larger than {MAX_BYTES >> 20} MiB", "A spec is a page or two of text."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise _refusal(
            file,
            f"expected UTF-8 text, found the byte 0x{data[error.start]:02x}",
            "Save the file as UTF-8.",
            line=line,
            column=column,
        ) from None
    return read_text(text, file)


def read_text(text: str, file: str = "<text>") -> Document:
    """Reads a spec from text: one YAML document of the core schema.

    Raises ``SpecErrors``: a syntax error ends the reading, everything else is reported together.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refusal(
            file, f"the file is larger than {MAX_BYTES >> 20} MiB", "A spec is a page or two of text."
        )
    for line, content in enumerate(text.split("\n"), 1):
        found = _UNPRINTABLE.search(content)
        if found:
            raise _refusal(
                file,
                f"expected text, found the control character U+{ord(found.group()):04X}",
                "Write it as an escape inside double quotes, or remove it.",
                line=line,
                column=found.start() + 1,
            )
    composer = _Composer(text, file)
    root = composer.document()
    if composer.errors:
        raise SpecErrors(sorted(composer.errors, key=lambda e: (e.line, e.column)))
    return Document(file, text, root, tuple(composer.holes))


# YAML 1.2's c-printable, without what Python cannot have decoded.
_UNPRINTABLE = re.compile("[^\t\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INF = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)\Z")
_QUOTED: Final = ("'", '"', "|", ">")
_TAG = "tag:yaml.org,2002:"
_CORE_TAGS: Final = ("null", "bool", "int", "float", "str", "seq", "map")


def resolve(text: str) -> Plain:
    """The core schema's value of a plain scalar.

    >>> [resolve(t) for t in ("on", "true", "1e-3", "010", "0x1F", "~")]
    ['on', True, 0.001, 10, 31, None]
    """
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text[0] in "tT"
    if len(text) <= MAX_DIGITS:
        if _INT.match(text):
            return int(text)
        if _OCTAL.match(text):
            return int(text[2:], 8)
        if _HEX.match(text):
            return int(text[2:], 16)
        if _FLOAT.match(text):
            return float(text)
    if _INF.match(text):
        return float("-inf") if text[0] == "-" else float("inf")
    if _NAN.match(text):
        return float("nan")
    return text


class _Composer:
    """Makes nodes from events, counting every alias for what it expands to."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.errors: list[SpecError] = []
        self.holes: list[Place] = []
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._nodes = 0

    def document(self) -> Node:
        try:
            next(self._events)  # the stream starts
            start = next(self._events)
            if isinstance(start, yaml.StreamEndEvent):
                raise _refusal(self.file, "the file is empty", "A spec starts with `input` and `layers`.")
            root = self._node(next(self._events), (), 0)
            next(self._events)  # the document ends
            more = next(self._events)
            if not isinstance(more, yaml.StreamEndEvent):
                self._error(more, (), "expected one document, found a second", "Remove the line `---`.")
        except yaml.YAMLError as error:
            raise self._syntax(error) from None
        return root

    def _node(self, event: Any, path: tuple[str | int, ...], depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _refusal(
                self.file, f"nested deeper than {MAX_DEPTH} levels", **_mark(event), path=show_path(path[:4])
            )
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._nodes
        self._count(event, 1)
        anchor: str | None = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, path, depth)
        else:
            node = self._mapping(event, path, depth)
        if anchor is not None:
            self._anchors[anchor] = (node, self._nodes - before)
        return node

    def _scalar(self, event: Any, path: tuple[str | int, ...]) -> Scalar:
        place = self._place(event, path)
        tag = self._tag(event, path)
        text: str = event.value
        quoted = event.style in _QUOTED or tag == "str" or event.tag == "!"
        value: Plain = text if quoted else resolve(text)
        if tag in ("null", "bool", "int", "float"):
            value = resolve(text)
            found = {type(None): "null", bool: "bool", int: "int", float: "float", str: "str"}[type(value)]
            if tag == "float" and found == "int":
                value = float(text)
            elif found != tag:
                self._error(event, path, f"expected a value of tag `!!{tag}`, found `{text}`")
        node = Scalar(value, text, quoted, place)
        if node.is_hole:
            self.holes.append(place)
        return node

    def _sequence(self, event: Any, path: tuple[str | int, ...], depth: int) -> Sequence:
        self._tag(event, path)
        items: list[Node] = []
        for child in iter(self._events.__next__, None):
            if isinstance(child, yaml.SequenceEndEvent):
                break
            items.append(self._node(child, (*path, len(items)), depth + 1))
        return Sequence(tuple(items), self._place(event, path))

    def _mapping(self, event: Any, path: tuple[str | int, ...], depth: int) -> Mapping:
        self._tag(event, path)
        own: dict[str | int, Node] = {}
        keys: dict[str | int, Place] = {}
        merged: list[Mapping] = []
        for child in iter(self._events.__next__, None):
            if isinstance(child, yaml.MappingEndEvent):
                break
            key = self._key(child, path, depth)
            value_event = next(self._events)
            if key is None:
                self._node(value_event, (*path, "?"), depth + 1)
                continue
            name, place = key
            value = self._node(value_event, (*path, name), depth + 1)
            if name == "<<" and not isinstance(child, yaml.AliasEvent) and child.style not in _QUOTED:
                merged.extend(self._merged(value_event, value, path))
            elif name in own:
                self._error(
                    child,
                    (*path, name),
                    f"the key `{name}` stands here twice; the first is in line {keys[name].line}",
                    "Remove one of the two.",
                )
            else:
                own[name], keys[name] = value, place
        for source in merged:  # an own key wins, then the earlier source
            for name, value in source.entries.items():
                if name not in own:
                    own[name], keys[name] = value, source.keys[name]
        return Mapping(own, keys, self._place(event, path))

    def _key(self, event: Any, path: tuple[str | int, ...], depth: int) -> tuple[str | int, Place] | None:
        node = self._node(event, (*path, getattr(event, "value", "?")), depth + 1)
        if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
            return node.value, node.place
        if isinstance(node, Scalar) and node.text:
            return node.text, node.place
        self._error(event, path, "expected a name as a key, found " + describe(node))
        return None

    def _merged(self, event: Any, value: Node, path: tuple[str | int, ...]) -> list[Mapping]:
        sources = value.items if isinstance(value, Sequence) else (value,)
        maps = [source for source in sources if isinstance(source, Mapping)]
        if len(maps) < len(sources):
            self._error(event, (*path, "<<"), "expected a mapping to merge, found " + describe(value))
        self._count(event, sum(len(source.entries) for source in maps))
        return maps

    def _alias(self, event: Any, path: tuple[str | int, ...]) -> Node:
        place = self._place(event, path)
        if event.anchor not in self._anchors:
            self._error(event, path, f"`*{event.anchor}` refers to an anchor that does not stand above it")
            return Scalar(None, "", True, place)
        found = self._anchors[event.anchor]
        if found is None:
            self._error(event, path, f"the anchor `&{event.anchor}` contains itself")
            return Scalar(None, "", True, place)
        node, size = found
        self._count(event, size)
        return node

    def _tag(self, event: Any, path: tuple[str | int, ...]) -> str | None:
        tag: str | None = event.tag
        if tag is None or tag == "!":
            return None
        if tag.startswith(_TAG) and tag[len(_TAG) :] in _CORE_TAGS:
            return tag[len(_TAG) :]
        self._error(event, path, f"the tag `{tag}` is not part of the language", "Remove the tag.")
        return None

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _refusal(
                self.file,
                f"more than {MAX_NODES:,} values, aliases counted for what they expand to",
                **_mark(event),
            )

    def _place(self, event: Any, path: tuple[str | int, ...]) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1, show_path(path))

    def _error(self, event: Any, path: tuple[str | int, ...], problem: str, hint: str | None = None) -> None:
        self.errors.append(
            SpecError(self.file, **_mark(event), path=show_path(path), problem=problem, hint=hint)
        )

    def _syntax(self, error: yaml.YAMLError) -> SpecErrors:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        hint = _syntax_hint(problem)
        failure = SpecError(self.file, line, column, "", f"this is not YAML: {problem}", hint)
        return SpecErrors([*self.errors, failure])


def _syntax_hint(problem: str) -> str | None:
    if "did not find expected ',' or '}'" in problem:
        return "A `{` is not closed, or a comma is missing; a value that holds a comma needs quotes."
    if "did not find expected ',' or ']'" in problem:
        return "A `[` is not closed, or a comma is missing."
    if "cannot start any token" in problem:
        return "YAML indents with spaces, never tabs; a value that begins with @, ` or % needs quotes."
    if "mapping values are not allowed" in problem:
        return "There is a `:` too many in this line, or the line above is indented otherwise."
    if "could not find expected ':'" in problem:
        return "A key needs a `:` and a space after it."
    if "did not find expected" in problem:
        return "Items of one list or mapping must start in the same column."
    return None


def _mark(event: Any) -> dict[str, int]:
    return {"line": event.start_mark.line + 1, "column": event.start_mark.column + 1}


def _refusal(
    file: str, problem: str, hint: str | None = None, *, line: int = 1, column: int = 1, path: str = ""
) -> SpecErrors:
    return SpecErrors([SpecError(file, line, column, path, problem, hint)])


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "a device"
    return "something else"


def show_path(path: tuple[str | int, ...]) -> str:
    """A path as a user reads it.

    >>> show_path(("layers", 3, "Conv2d", "kernel_size"))
    'layers[3].Conv2d.kernel_size'
    """
    parts = [f"[{p}]" if isinstance(p, int) else f".{p[:80]}" for p in path]
    return "".join(parts).removeprefix(".")


def describe(value: object) -> str:
    """A value or node as an error names it: what was found.

    >>> describe("6"), describe(5.0), describe(True), describe([1, 2])
    ('the text "6"', 'the real number 5.0', 'true', 'the list [1, 2]')
    """
    if isinstance(value, Scalar):
        value = value.value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}" if abs(value) < 10**18 else f"a number of {len(str(abs(value)))} digits"
    if isinstance(value, float):
        return f"the real number {value}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 40 else f'the text "{value[:37]}…"'
    if isinstance(value, Sequence):
        return "a list"
    if isinstance(value, list | tuple):
        shown = ", ".join(str(v) for v in value)
        return f"the list [{shown}]" if len(shown) <= 40 else "a list"
    return "a mapping"

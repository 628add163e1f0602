"""YAML text to plain data that remembers its places (YAML 1.2, core schema).

PyYAML's C scanner gives events; the nodes are made here, because its own composer crashes the process on
deep nesting, and the limits must hold before anything is expanded. Source: YAML 1.2.2, chapter 10.3.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from builder.errors import Place, Report, SpecErrors
from builder.language.nodes import HOLE, Document, Mapping, Node, Plain, Scalar, Sequence, describe, join_path
from builder.language.scalars import is_decimal, resolve

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "read_bytes",
    "read_file",
    "read_text",
    "resolve",
]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000

if (
    not yaml.__with_libyaml__
):  # the pure Python scanner is a hundred times slower, and words its errors otherwise
    raise ImportError(
        "gradspec reads YAML with libyaml, and this PyYAML was built without it. "
        "Install its wheel: pip install --force-reinstall --only-binary :all: pyyaml"
    )


def read_file(path: Path) -> Document:
    """Reads a spec from a regular file; never waits for a pipe or a device.

    Raises ``SpecErrors`` if it is no regular file, too large, no UTF-8 or no YAML, and ``OSError`` if it
    cannot be opened at all.
    """
    # Opened first and looked at through the descriptor: between a look and an opening a file may change.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    )
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _refusal(str(path), f"expected a file, found {_kind(mode)}")
        with open(descriptor, "rb", closefd=False) as stream:
            data = stream.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    return read_bytes(data, str(path))


def read_bytes(data: bytes, file: str) -> Document:
    """Reads a spec from bytes, as ``read_file`` does."""
    if len(data) > MAX_BYTES:
        raise _too_large(file)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal(file, "expected UTF-8 text, found UTF-16", "Save the file as UTF-8.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(
            file,
            f"expected UTF-8 text, found the byte 0x{data[error.start]:02x}",
            "Save the file as UTF-8.",
            after=data[: error.start].decode("utf-8").removeprefix("\ufeff"),
        ) from None
    return read_text(text, file)


def read_text(text: str, file: str = "<text>") -> Document:
    """Reads a spec from text: one YAML document of the core schema.

    Raises ``SpecErrors``: a syntax error ends the reading, everything else is reported together.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _too_large(file)
    if unprintable := re.search(_UNPRINTABLE_ASCII if text.isascii() else _UNPRINTABLE, text):
        from builder.language.syntax import invisible

        problem, hint = invisible(unprintable.group())
        raise _refusal(file, problem, hint, after=text[: unprintable.start()])
    readable = _HOLE.sub(_STAND_IN, text)
    _survey(readable, file)
    return _Composer(text, readable, file).document()


# Not YAML 1.2's c-printable, or what libyaml or an editor counts as the end of a line and others do not
# (U+0085, U+2028, U+2029), or a byte order mark inside, or U+10FFFF, which stands in below.
_UNPRINTABLE: Final = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff\U0010ffff]"
)
_UNPRINTABLE_ASCII: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"  # its compiling takes a tenth of that
# libyaml takes each `?` in flow style for the sign of a key, so that `{kernel_size: ???}` would be no YAML:
# it gets another text of the same width, and the values get their question marks back.
_STAND_IN: Final = "\U0010ffff" * len(HOLE)
_HOLE = re.compile(r"\?\?\?(?<![^\s\[{,]\?\?\?)(?![^\s\]},:])")
_QUOTED: Final = ("'", '"', "|", ">")
_TAG: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset(("null", "bool", "int", "float", "str"))


def _survey(text: str, file: str) -> None:
    """Holds a text to the limits before any node is made; an alias counts for all that it expands to.

    Before it gives the event of a bracket, libyaml looks up to 1,024 characters ahead for the colon of a key. It
    may fail there, at a depth of its own from 0.2.6 on, before it has given the brackets that pass our limit. For
    a text that ends where it failed it gives them. Any other fault is met again by the composer, which reports it
    together with what is wrong before it.
    """
    failed = _failure(text, file)
    if failed is not None:
        _failure(text[:failed], file)


def _failure(text: str, file: str) -> int | None:
    """The character at which a text stops to be YAML, ``None`` if it does not; raises beyond a limit."""
    nodes = 0
    extents: dict[str, tuple[int, int]] = {}  # of each anchor: nodes, and levels of collections
    opened: list[tuple[str | None, int]] = []  # anchors, and the nodes counted before
    reach = [0]  # the deepest level inside each open collection, expanded
    try:
        events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                nodes += 1
                if event.anchor is not None:
                    extents[event.anchor] = 1, 0
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                opened.append((event.anchor, nodes))
                reach.append(len(opened))
                nodes += 1
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                anchor, before = opened.pop()
                deepest = reach.pop()
                reach[-1] = max(reach[-1], deepest)
                if anchor is not None:
                    extents[anchor] = nodes - before, deepest - len(opened)
            elif kind is yaml.AliasEvent:
                inside, levels = extents.get(event.anchor, (1, 0))  # the composer reports an unknown one
                nodes += inside
                reach[-1] = max(reach[-1], len(opened) + levels)
            elif kind is yaml.DocumentEndEvent:
                return None
            if nodes > MAX_NODES:
                problem = (
                    f"expected at most {MAX_NODES:,} values, found more; an alias counts for all it repeats"
                )
                raise _refusal(file, problem, at=event)
            if reach[-1] > MAX_DEPTH:
                raise _refusal(file, f"expected at most {MAX_DEPTH} levels of nesting, found more", at=event)
    except yaml.MarkedYAMLError as error:
        return error.problem_mark.index if error.problem_mark else None
    except yaml.YAMLError:
        return None
    return None


class _Composer:
    """Makes nodes from events. Depth and number are bounded before."""

    def __init__(self, text: str, readable: str, file: str) -> None:
        self._text = text
        self._file = file
        self._report = Report()
        self._holes: list[Place] = []
        self._events: Iterator[Any] = yaml.parse(readable, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, Node | None] = {}

    def document(self) -> Document:
        try:
            root = self._root()
        except yaml.YAMLError as error:
            from builder.language.syntax import explain

            self._report.error(*explain(error, self._text, self._file))
            root = None
        self._report.raise_errors()
        assert root is not None
        return Document(self._file, self._text, root, tuple(self._holes))

    def _root(self) -> Node | None:
        next(self._events)  # the stream starts
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            place = Place(self._file, 1, 1)
            self._report.error(
                place, "expected YAML, found nothing", "The file is empty, or holds comments only."
            )
            return None
        root = self._node(next(self._events), "")
        next(self._events)  # the document ends
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            self._report.error(
                self._place(more, ""), "expected one document, found a second", "Remove the line `---`."
            )
        return root

    def _node(self, event: Any, path: str) -> Node:
        place = self._place(event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        anchor: str | None = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, place)
        else:
            node = self._mapping(event, place)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _scalar(self, event: Any, place: Place) -> Scalar:
        tag = self._tag(event, place, _SCALAR_TAGS)
        text: str = event.value.replace(_STAND_IN, HOLE)
        if tag is None:
            quoted = event.style in _QUOTED or event.tag == "!"
            node = Scalar(text if quoted else resolve(text), text, quoted, place)
        elif tag == "str":
            node = Scalar(text, text, True, place)
        else:
            node = Scalar(self._tagged(tag, text, place), text, False, place)
        if node.is_hole:
            self._holes.append(place)
        return node

    def _tagged(self, tag: str, text: str, place: Place) -> Plain:
        value = resolve(text)
        if tag == "float" and type(value) is int and is_decimal(text):
            return float(text)
        if (type(value).__name__ if value is not None else "null") != tag:
            self._report.error(
                place, f"expected a value of the tag `!!{tag}`, found `{text}`", "Remove the tag."
            )
        return value

    def _sequence(self, event: Any, place: Place) -> Sequence:
        self._tag(event, place, frozenset(("seq",)))
        items: list[Node] = []
        while not isinstance(child := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(child, join_path(place.path, len(items))))
        return Sequence(tuple(items), place)

    def _mapping(self, event: Any, place: Place) -> Mapping:
        self._tag(event, place, frozenset(("map",)))
        own: dict[str | int, Node] = {}
        keys: dict[str | int, Place] = {}
        merged: list[Mapping] = []
        while not isinstance(child := next(self._events), yaml.MappingEndEvent):
            key = self._key(child, place.path)
            path = join_path(place.path, "?" if key is None else key)
            value = self._node(next(self._events), path)
            if key is None:
                continue
            if key == "<<" and isinstance(child, yaml.ScalarEvent) and child.style not in _QUOTED:
                merged.extend(self._merged(value, self._place(child, path)))
            elif key in own:
                self._twice(key, self._place(child, path), keys[key])
            else:
                own[key], keys[key] = value, self._place(child, path)
        for source in merged:  # an own key wins, then the earlier source
            for key, value in source.entries.items():
                if key not in own:
                    own[key], keys[key] = value, source.keys[key]
        return Mapping(own, keys, place)

    def _key(self, event: Any, path: str) -> str | int | None:
        node = self._node(event, path)
        if isinstance(node, Scalar):
            if isinstance(node.value, int) and not isinstance(node.value, bool):
                return node.value
            if node.text:
                return node.text
        self._report.error(
            self._place(event, path),
            f"expected a name as a key, found {describe(node)}",
            None
            if isinstance(node, Scalar)
            else "`{` opens a mapping and `[` a list; a key is a single word.",
        )
        return None

    def _twice(self, key: str | int, place: Place, first: Place) -> None:
        hint = "Keep one of the two."
        if first.line != place.line and place.path.rpartition(".")[0].endswith("]"):
            hint = "Keep one of the two; if this is a new item of the list, begin it with `- `."
        self._report.error(
            place, f"the key `{key}` stands twice in this mapping, first in line {first.line}", hint
        )

    def _merged(self, value: Node, place: Place) -> list[Mapping]:
        sources = value.items if isinstance(value, Sequence) else (value,)
        maps = [source for source in sources if isinstance(source, Mapping)]
        if len(maps) < len(sources):
            self._report.error(
                place, f"expected a mapping to merge, found {describe(value)}", "As in `<<: *name`."
            )
        return maps

    def _alias(self, anchor: str, place: Place) -> Node:
        if anchor not in self._anchors:
            hint = f"Name the value above with `&{anchor}`, or put a text that begins with `*` in quotes."
            self._report.error(place, f"`*{anchor}` refers to an anchor that does not stand above it", hint)
            return Scalar(None, "", True, place)
        node = self._anchors[anchor]
        if node is None:
            self._report.error(place, f"the anchor `&{anchor}` contains itself", "Write the value out.")
            return Scalar(None, "", True, place)
        return node

    def _tag(self, event: Any, place: Place, allowed: frozenset[str]) -> str | None:
        tag: str | None = event.tag
        if tag is None or tag == "!":
            return None
        name = tag.removeprefix(_TAG)
        if name in allowed and name != tag:
            return name
        shown = tag if name == tag else f"!!{name}"
        self._report.error(
            place,
            f"the tag `{shown}` means nothing here",
            "Remove it, or put a text that begins with `!` in quotes.",
        )
        return None

    def _place(self, event: Any, path: str) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1, path)


def _refusal(
    file: str, problem: str, hint: str | None = None, *, after: str = "", at: Any = None
) -> SpecErrors:
    """One error that ends the reading: behind the text ``after``, at the event ``at``, or at the start."""
    report = Report()
    if at is not None:
        line, column = at.start_mark.line + 1, at.start_mark.column + 1
    else:
        ends = list(re.finditer(r"\r\n?|\n", after))
        line, column = len(ends) + 1, len(after) - (ends[-1].end() if ends else 0) + 1
    report.error(Place(file, line, column), problem, hint)
    return SpecErrors(report.errors)


def _too_large(file: str) -> SpecErrors:
    return _refusal(
        file,
        f"expected at most {MAX_BYTES >> 20} MiB, found a larger file",
        "A spec is a page or two of text.",
    )


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "a device"
    return "something else"

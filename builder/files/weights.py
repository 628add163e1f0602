"""What a weights file claims to hold, read without torch and before a single value is.

A safetensors file is eight bytes of length, a JSON header, then the values, little-endian, without holes.
Everything the header says is held against the file's real size and the graph's shapes, so a file that lies
costs a few kilobytes of reading, whatever it claims. Source: https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.errors import WeightsError
from builder.shapes import Shape, count

HEADER_LIMIT: Final = 1 << 20
MOST_AXES: Final = 8
LARGEST: Final = 1 << 62
BYTES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
CONVERT: Final = (
    "In Python, with your network as `net`: `from safetensors.torch import save_file; "
    'save_file(net.state_dict(), "weights.safetensors")`.'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a file: its type in safetensors' words (``F32``), its shape, where its bytes are."""

    dtype: str
    shape: Shape
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{list(self.shape)} of {self.dtype}"


@dataclass(frozen=True, slots=True)
class Header:
    """A file's tensors by name, in the order of their values, and its metadata."""

    tensors: dict[str, Entry]
    metadata: dict[str, str]


def read_header(path: Path) -> Header:
    """The header of the safetensors file at ``path``.

    Raises ``WeightsError`` for anything but a regular, complete safetensors file: a FIFO, a device, a ``.pt``
    file, a header over 1 MiB, a name that no text can show, values that overlap, leave holes or end elsewhere
    than the file does.
    """
    try:
        # Without waiting: a FIFO that nobody writes to would never open.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise WeightsError(f"`{path.name}` cannot be read: {error.strerror}.") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise WeightsError(f"`{path.name}` is not a regular file.")
    with open(descriptor, "rb") as file:
        start = file.read(8)
        # A header's length may begin with the same bytes, and goes on with zeros, as no zip or pickle does.
        pickled = start.startswith((b"PK", b"\x80\x02")) and any(start[3:])
        if pickled or path.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl"):
            raise WeightsError(
                f"`{path.name}` looks like a file of `torch.save`, which is a program and is never opened.",
                CONVERT,
            )
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > about.st_size - 8:
            raise _broken(path, f"its header of {length} bytes does not fit its {about.st_size} bytes")
        if length > HEADER_LIMIT:
            raise _broken(path, f"its header has {length} bytes, and {HEADER_LIMIT} are allowed")
        text = file.read(length)
    try:
        parsed = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise _broken(path, "its header is no JSON, or names a tensor twice") from None
    return _header(path, parsed, about.st_size - 8 - length)


def check_weights(path: Path, state: dict[str, Shape]) -> Header:
    """The file's header, if it holds exactly the tensors of ``state`` (a graph's), in float32.

    Counters of ``BatchNorm`` are int64. Raises ``WeightsError`` naming the first tensor that differs, in
    the network's order, what was expected and what was found. No value is read: whether they are numbers is
    for others to judge.
    """
    header = read_header(path)
    for name, shape in state.items():
        found = header.tensors.get(name)
        wanted = f"{list(shape)} of {dtype_of(name)}"
        if found is None:
            extra = next((other for other in header.tensors if other not in state), None)
            hint = f"It has `{extra}` {header.tensors[extra]}, which the network does not." if extra else None
            raise WeightsError(f"`{path.name}` has no `{name}`: expected {wanted}.", hint)
        if str(found) != wanted:
            hint = "Convert it with `.float()` before saving." if found.shape == shape else None
            raise WeightsError(f"`{path.name}`: `{name}`: expected {wanted}, found {found}.", hint)
    for name, found in header.tensors.items():
        if name not in state:
            raise WeightsError(f"`{path.name}` has `{name}` {found}, which the network does not.")
    return header


def dtype_of(name: str) -> str:
    """The type that a network's tensor of this name has in a weights file."""
    return "I64" if name.rpartition(".")[2] == "num_batches_tracked" else "F32"


def _header(path: Path, parsed: Any, size: int) -> Header:
    """The header from its JSON; ``size`` counts the bytes of values in the file."""
    if not isinstance(parsed, dict):
        raise _broken(path, "its header is no JSON object")
    metadata = parsed.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _broken(path, "its metadata is no JSON object of texts")
    if not _showable([*parsed, *metadata]) or not _showable(metadata.values(), "\t\n\r"):
        raise _broken(path, "its header has a control character, or half of a character")
    tensors = {name: _entry(path, name, value) for name, value in parsed.items()}
    ordered = dict(sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)))
    ends = [0, *(entry.stop for entry in ordered.values())]
    for (name, entry), end in zip(ordered.items(), ends, strict=False):
        if entry.start != end:
            raise _broken(path, f"the values of `{name}` start at byte {entry.start}, expected {end}")
    if ends[-1] != size:
        raise _broken(path, f"its tensors take {ends[-1]} bytes, and {size} are there")
    return Header(ordered, metadata)


def _entry(path: Path, name: str, value: Any) -> Entry:
    match value:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(stop)]} if (
            dtype in BYTES
            and len(value) == 3
            and len(shape) <= MOST_AXES
            and all(type(n) is int and 0 <= n <= LARGEST for n in (start, stop, *shape))
        ):
            if stop - start != count(tuple(shape)) * BYTES[dtype]:
                raise _broken(path, f"`{name}`: {shape} of {dtype} do not take {stop - start} bytes")
            return Entry(dtype, tuple(shape), start, stop)
    raise _broken(path, f"what its header says of `{name[:80]}` is not `dtype`, `shape` and `data_offsets`")


def _showable(texts: Iterable[str], also: str = "") -> bool:
    """Whether no text has control characters, but for those of ``also``, or surrogates."""
    characters = {character for text in texts for character in text} - set(also)
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in characters)


def _broken(path: Path, why: str) -> WeightsError:
    return WeightsError(f"`{path.name}` is no whole safetensors file: {why}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError
    return entries

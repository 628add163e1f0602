"""A student's folder, opened inside a worker: regular files, never through a link, never past a limit."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from builder import infer
from builder.errors import SpecErrors, WeightsError
from builder.files.weights import Header, check_weights, read_header
from builder.language.nodes import HOLE, Document, Mapping, Node, Scalar
from builder.language.source import read_bytes
from builder.load import from_document
from builder.shapes import Shape, count
from builder.spec.graph import Graph
from builder.spec.spec import ModelSpec
from grader.exchange import Array, Role
from grader.outcome import Refusal
from grader.submission.limits import FLOAT64, HEADER_BYTES, MODEL_BYTES


class Submission:
    """One student's folder. ``names`` says which file plays which role.

    Everything raises ``Refusal`` for what the student may have done wrong.
    """

    def __init__(self, folder: Path, names: MappingABC[Role, str], *, arrays_limit: int) -> None:
        self.folder: Final = folder
        self._names: Final = dict(names)
        self._arrays_limit: Final = arrays_limit

    def has(self, role: Role) -> bool:
        """Whether anything stands where the file of this role should."""
        return role in self._names and os.path.lexists(self.folder / self._names[role])

    def name(self, role: Role) -> str:
        """The name that the assignment gives to the file of this role."""
        return self._names[role]

    def read(self, role: Role, limit: int) -> bytes:
        """The bytes of a file. A link, a pipe, a device, a folder or a file over ``limit`` is refused."""
        name = self._names[role]
        descriptor = self._open(name)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Refusal(f"a regular file `{name}`", _kind(status.st_mode))
            if status.st_size > limit:
                raise Refusal(
                    f"`{name}` of at most {limit:,} bytes (the limit of this file)",
                    f"{status.st_size:,} bytes",
                )
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                return stream.read(limit)
        finally:
            os.close(descriptor)

    @cached_property
    def document(self) -> Document:
        """The text of the model file, with its places. Raises ``SpecErrors``."""
        return read_bytes(self.read("model", MODEL_BYTES), self.name("model"))

    @cached_property
    def spec(self) -> ModelSpec:
        """The model, read as `validate` reads it. Raises ``SpecErrors``.

        The assignment's `data` and `train` rule: what is wrong with the submission's own, or left to fill in
        them, counts for nothing.
        """
        bare = without(self.document, "data", "train")
        try:
            return from_document(replace(self.document, holes=bare.holes), self.folder)
        except SpecErrors as errors:
            try:
                return from_document(bare, self.folder)
            except SpecErrors as fewer:
                known = {(e.line, e.column, e.problem) for e in errors.errors}
                both = [e for e in fewer.errors if (e.line, e.column, e.problem) in known]
                raise SpecErrors(both or errors.errors) from None

    @property
    def graph(self) -> Graph:
        """The model's graph. Raises ``SpecErrors``."""
        return infer(self.spec)

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The weights: exactly the model's state, by name, each array with its shape and type."""
        state = self.graph.state
        return self._arrays("weights", FLOAT64 * sum(count(shape) for shape in state.values()), state)

    @property
    def preprocessing(self) -> str | None:
        """What the weights file carries beside its arrays: what `Standardize` learned, in JSON, or None."""
        return self._header("weights").metadata.get("preprocessing")

    def arrays(self, role: Role) -> dict[str, Array]:
        """The arrays of any safetensors file."""
        return self._arrays(role, self._arrays_limit, None)

    def _arrays(self, role: Role, limit: int, state: dict[str, Shape] | None) -> dict[str, Array]:
        data = self.read(role, min(limit, self._arrays_limit) + HEADER_BYTES)
        self._header(role, state)
        try:
            return load_arrays(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise Refusal(f"arrays of numbers in `{self._names[role]}`", str(error)) from None

    def _header(self, role: Role, state: dict[str, Shape] | None = None) -> Header:
        """The file's header, held against ``state`` where there is one."""
        path = self.folder / self._names[role]
        try:
            return read_header(path) if state is None else check_weights(path, state)
        except WeightsError as error:
            wanted = "arrays in the safetensors format" if state is None else "the weights of this model"
            raise Refusal(f"{wanted} in `{self._names[role]}`", error.problem, error.hint) from None

    def _open(self, name: str) -> int:
        """A descriptor of the file, each part of its path opened beneath the one before, never a link."""
        *folders, last = Path(name).parts
        opened = -1
        try:
            opened = os.open(self.folder, _FLAGS | os.O_DIRECTORY)
            for part, flags in [*((folder, os.O_DIRECTORY) for folder in folders), (last, 0)]:
                below = os.open(part, _FLAGS | flags, dir_fd=opened)
                os.close(opened)
                opened = below
        except OSError as error:
            if opened >= 0:
                os.close(opened)
            raise _refusal(name, error) from None
        return opened


def without(document: Document, *keys: str) -> Document:
    """The document without these keys of its root, and without the holes in them."""
    root = document.root
    if not isinstance(root, Mapping):
        return document
    kept = Mapping({k: v for k, v in root.entries.items() if k not in keys}, root.keys, root.place)
    left = set(_holes(kept))
    gone = {place for key in keys if key in root.entries for place in _holes(root.entries[key])} - left
    holes = tuple(place for place in document.holes if (place.line, place.column) not in gone)
    return replace(document, root=kept, holes=holes)


def _holes(node: Node) -> Iterator[tuple[int, int]]:
    """The line and column of every `???`, keys too."""
    if isinstance(node, Scalar):
        if node.is_hole:
            yield node.place.line, node.place.column
        return
    if isinstance(node, Mapping):
        yield from ((place.line, place.column) for key, place in node.keys.items() if key == HOLE)
    for child in node.entries.values() if isinstance(node, Mapping) else node.items:
        yield from _holes(child)


_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def _refusal(name: str, error: OSError) -> Refusal:
    if error.errno == errno.ENOENT:
        return Refusal(f"a file `{name}`", "none")
    if error.errno == errno.ELOOP:
        return Refusal(f"a regular file `{name}`", "a link", "Hand in the file itself.")
    if error.errno == errno.ENOTDIR:
        return Refusal(f"a regular file `{name}`", "no folder that it could stand in, or a link to one")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Refusal(f"a file `{name}` that can be read", "one that cannot")
    return Refusal(f"a regular file `{name}`", f"what cannot be opened ({os.strerror(error.errno or 0)})")


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((kind for test, kind in kinds if test(mode)), "a device")

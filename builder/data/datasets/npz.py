"""NPZ: arrays of one's own, as ``numpy.savez`` writes them."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.errors import Cause, DataError
from builder.fields import Count, RealPair, Text
from builder.shapes import DEFAULT_LIMIT_BYTES, Shape, TensorType

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LABELS: Final = 10_000_000
MAX_CLASSES: Final = 100_000
_PAIRS: Final = (("x", "y"), ("x_train", "y_train"))
_TEST: Final = ("x_test", "y_test")


@dataclass(frozen=True, slots=True)
class _Header:
    """What an array says of itself before its values."""

    name: str
    shape: Shape
    kind: str  # NumPy's letter: u, i, f, b
    bytes_per_value: int


@final
class NPZ(Dataset):
    """A file of ``numpy.savez``: ``x`` and ``y``, or ``x_train, y_train`` and, if wanted, ``x_test, y_test``.

    ``path`` is relative to the folder of the file that names it, and stays inside it. ``layout`` says what
    the axes of images are: ``NCHW``, ``NHWC``, or ``NHW`` for grey ones; absent, the axes stay as they are.
    Bytes are divided by 255. Images of reals lie in [0, 1], or in ``range``, from which they are brought
    there; tables stay as they are, unless a ``range`` is written. With ``vocabulary``, x holds tokens.
    Whole numbers in y are classes, from 0 (``classes`` says how many, where not all occur); reals are
    targets. Source: numpy.savez.
    """

    main = "path"
    accepts = (
        Accepted("digits.npz"),
        Accepted("{path: photos.npz, layout: NHWC, classes: 4}"),
        Accepted("{path: sub/table.npz, range: [0, 100]}"),
        Accepted("{path: words.npz, vocabulary: 80}"),
    )
    rejects = (
        Rejected("", "`NPZ` needs `path`"),
        Rejected("{path: a.npz, layout: HWC}", 'expected `NCHW`, `NHWC` or `NHW`, found the text "HWC"'),
        Rejected("{path: a.npz, range: [1, 0]}", "the range [1, 0] does not rise"),
        Rejected("{path: a.npz, vocabulary: 9, layout: NHW}", "tokens have neither a `layout` nor a `range`"),
    )

    path: Text
    layout: Literal["NCHW", "NHWC", "NHW"] | None = None
    range: RealPair | None = None
    classes: Count | None = None
    vocabulary: Count | None = None

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if self.range is not None and self.range[0] >= self.range[1]:
            low, high = self.range
            raise Cause(f"the range [{low:g}, {high:g}] does not rise", field="range")
        if self.vocabulary is not None and (self.layout is not None or self.range is not None):
            raise Cause("tokens have neither a `layout` nor a `range`", field="vocabulary")
        return self

    def describe(self, folder: Path) -> DataInfo:
        """Reads the headers of the arrays, and of their values the labels alone.

        Raises ``Cause`` for arrays that are missing or do not fit together.
        """
        with self._open(folder) as archive:
            headers = self._headers(archive)
            (x, y), test = self._pair(headers), self._test(headers)
            target, labels = self._target(archive, y, test[1] if test else None)
        shape = self._shape(x)
        if test and self._shape(test[0]) != shape:
            raise Cause(
                f"`x_test` holds examples of {list(test[0].shape[1:])}, and `x_train` of {list(x.shape[1:])}"
            )
        for examples, targets in ((x, y), *([test] if test else [])):
            if examples.shape[:1] != targets.shape[:1]:
                count = targets.shape[0] if targets.shape else "none"
                raise Cause(
                    f"`{examples.name}` holds {examples.shape[0]} examples, and `{targets.name}` {count}"
                )
            if not examples.shape[0]:
                raise Cause(f"`{examples.name}` holds no example")
        return DataInfo(
            TensorType(shape, self.vocabulary),
            target,
            x.shape[0],
            test[0].shape[0] if test else 0,
            (0.0, 1.0) if self._declared(x) else None,
            labels=labels,
        )

    def load(self, folder: Path) -> Examples:
        """Reads the arrays, without pickle. Raises ``DataError`` where ``describe`` raises ``Cause``."""
        try:
            target = self.describe(folder).target
            with self._open(folder) as archive:
                headers = self._headers(archive)
                test = self._test(headers)
                return self._examples(
                    archive,
                    self._pair(headers),
                    target,
                    None if test is None else self._examples(archive, test, target, None),
                )
        except Cause as cause:
            raise DataError(cause.problem, cause.hint) from None

    @contextmanager
    def _open(self, folder: Path) -> Iterator[zipfile.ZipFile]:
        """The archive; every fault that it can have becomes a ``Cause``."""
        root = folder.resolve()
        file = (root / self.path).resolve()
        if not file.is_relative_to(root):
            raise Cause(
                f"the path `{self.path}` leaves the folder of the file that names it", "Copy the data there."
            )
        try:
            if not stat.S_ISREG(file.stat().st_mode):
                raise Cause(f"expected a file at `{self.path}`, found something else")
            with zipfile.ZipFile(file) as archive:
                yield archive
        except FileNotFoundError:
            raise Cause(f"there is no file `{self.path}`", f"It is looked for in {root}.") from None
        except OSError as error:
            raise Cause(f"the file `{self.path}` cannot be read: {error.strerror or error}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise Cause(f"`{self.path}` is no intact .npz file", "Write it with `numpy.savez`.") from None

    def _headers(self, archive: zipfile.ZipFile) -> dict[str, _Header]:
        """What the arrays that matter say of themselves. Raises ``Cause`` for one that is unsafe."""
        known = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
        wanted = [name for name in (*_PAIRS[0], *_PAIRS[1], *_TEST) if name in known]
        headers: dict[str, _Header] = {name: self._header(archive, name) for name in wanted}
        total = 0
        for header in headers.values():
            size = header.bytes_per_value
            for axis in header.shape:
                size *= axis
            # What is used is float32: bytes become four times as many.
            total += size * max(1, 4 // header.bytes_per_value)
            stored = archive.getinfo(f"{header.name}.npy").file_size
            if not size <= stored <= size + (1 << 16):
                raise Cause(f"`{header.name}` says it holds {size:,} bytes, and {stored:,} are stored")
        if total > DEFAULT_LIMIT_BYTES:
            raise Cause(
                f"`{self.path}` would fill {total / 2**30:.1f} GiB of memory, and "
                f"{DEFAULT_LIMIT_BYTES >> 30} are allowed"
            )
        if not known & {"x", "x_train"}:
            found = ", ".join(f"`{name}`" for name in sorted(known)[:8]) or "nothing"
            raise Cause(f"expected arrays `x` and `y`, or `x_train` and `y_train`, found {found}")
        return headers

    def _header(self, archive: zipfile.ZipFile, name: str) -> _Header:
        from numpy.lib import format as npy

        with archive.open(f"{name}.npy") as stream:
            try:
                version = npy.read_magic(stream)
                read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
                shape, _, dtype = read(stream)
                if min(shape, default=0) < 0:
                    raise ValueError(shape)
            except (ValueError, KeyError, MemoryError, SyntaxError, TokenError):
                raise Cause(f"`{name}` in `{self.path}` is no NumPy array that can be read") from None
        if dtype.kind == "O":
            raise Cause(
                f"`{name}` holds Python objects, which are never loaded",
                "Stack the examples to one array of numbers: all must have one shape.",
            )
        if dtype.kind not in "uifb":
            raise Cause(f"`{name}` holds values of type {dtype}, and numbers are expected")
        return _Header(name, tuple(shape), dtype.kind, dtype.itemsize)

    def _pair(self, headers: dict[str, _Header]) -> tuple[_Header, _Header]:
        x, y = _PAIRS[0] if "x" in headers else _PAIRS[1]
        if "x" in headers and "x_train" in headers:
            raise Cause("the file holds both `x` and `x_train`", "Keep one of the two pairs.")
        if y not in headers:
            raise Cause(f"the file holds `{x}` but no `{y}`")
        return headers[x], headers[y]

    def _test(self, headers: dict[str, _Header]) -> tuple[_Header, _Header] | None:
        there = [name for name in _TEST if name in headers]
        if len(there) == 1:
            raise Cause(f"the file holds `{there[0]}` but no `{({*_TEST} - {*there}).pop()}`")
        return (headers["x_test"], headers["y_test"]) if there else None

    def _shape(self, x: _Header) -> Shape:
        """An example's shape, channels first."""
        wanted = {"NCHW": 4, "NHWC": 4, "NHW": 3}
        if self.layout is not None and len(x.shape) != wanted[self.layout]:
            raise Cause(
                f"`layout: {self.layout}` needs {wanted[self.layout]} axes, and `{x.name}` is {list(x.shape)}"
            )
        if len(x.shape) < 2:
            raise Cause(f"`{x.name}` is {list(x.shape)}: it needs an axis of examples and at least one more")
        if 0 in x.shape[1:]:
            raise Cause(f"`{x.name}` is {list(x.shape)}: its examples hold nothing")
        if self.vocabulary is not None and x.kind not in "ui":
            raise Cause(f"`{x.name}` holds no whole numbers, which tokens are")
        first, *rest = x.shape[1:]
        if self.layout == "NHWC":
            return rest[1], first, rest[0]
        return (1, *x.shape[1:]) if self.layout == "NHW" else x.shape[1:]

    def _declared(self, x: _Header) -> bool:
        """Whether the values lie in [0, 1] after loading, by declaration."""
        if self.vocabulary is not None:
            return False
        return self.range is not None or (x.kind, x.bytes_per_value) == ("u", 1) or len(self._shape(x)) == 3

    def _target(
        self, archive: zipfile.ZipFile, y: _Header, test: _Header | None
    ) -> tuple[Target, tuple[NDArray[Any], ...]]:
        """The target, and the labels of the examples and of the test part where it is a class."""
        if test is not None and (test.kind == "f") != (y.kind == "f"):
            raise Cause(f"one of `{y.name}` and `{test.name}` holds classes, and the other reals")
        if y.kind == "f":
            if self.classes is not None:
                raise Cause(f"`classes` is written, and `{y.name}` holds reals", "Save it as whole numbers.")
            if 0 in y.shape[1:]:
                raise Cause(f"`{y.name}` is {list(y.shape)}: its targets hold nothing")
            if test is not None and test.shape[1:] != y.shape[1:]:
                raise Cause(f"`{y.name}` is {list(y.shape)}, and `{test.name}` {list(test.shape)}")
            return Target(shape=y.shape[1:] or (1,)), ()
        most = 0
        read = []
        for one in (y, *([test] if test else [])):
            if len(one.shape) != 1 and one.shape[1:] != (1,):
                raise Cause(
                    f"`{one.name}` holds whole numbers, so classes: one per example, not {list(one.shape)}"
                )
            if one.shape[0] > MAX_LABELS:
                raise Cause(f"`{one.name}` holds {one.shape[0]:,} labels; {MAX_LABELS:,} are allowed")
            labels = self._array(archive, one.name)
            if labels.size and int(labels.min()) < 0:
                raise Cause(f"`{one.name}` holds the class {labels.min()}: classes count from 0")
            most = max(most, int(labels.max()) + 1 if labels.size else 0)
            read.append(labels.reshape(-1))
        if most > (self.classes or MAX_CLASSES):
            raise Cause(
                f"`{y.name}` holds the class {most - 1}, and "
                + (
                    f"`classes` is {self.classes}" if self.classes else f"{MAX_CLASSES:,} classes are allowed"
                ),
                "Real targets are saved as floating point numbers." if self.classes is None else None,
            )
        return Target(self.classes or most), tuple(labels.astype("int64") for labels in read)

    def _array(self, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
        from numpy.lib import format as npy

        with archive.open(f"{name}.npy") as stream:
            return _read(npy, stream, name)

    def _examples(
        self, archive: zipfile.ZipFile, pair: tuple[_Header, _Header], target: Target, test: Examples | None
    ) -> Examples:
        import numpy as np

        x, y = (self._array(archive, header.name) for header in pair)
        for name, values in ((pair[0].name, x), (pair[1].name, y)):
            wrong = int(values.size - np.isfinite(values).sum())
            if wrong:
                raise Cause(f"`{name}` holds {wrong:,} values that are not finite (NaN or infinity)")
        if target.classes is not None:
            y = y.reshape(-1).astype(np.int64)
        else:
            y = y.reshape(-1, *target.shape).astype(np.float32)
        return Examples(self._inputs(x, pair[0]), np.ascontiguousarray(y), test)

    def _inputs(self, x: NDArray[Any], header: _Header) -> NDArray[Any]:
        import numpy as np

        if self.vocabulary is not None:
            if int(x.max()) >= self.vocabulary or int(x.min()) < 0:
                raise Cause(f"`{header.name}` holds tokens outside 0 to {self.vocabulary - 1}")
            return x.astype(np.int64)
        if self._declared(header):
            default = (0.0, 255.0) if (header.kind, header.bytes_per_value) == ("u", 1) else (0.0, 1.0)
            low, high = self.range or default
            if x.min() < low or x.max() > high:
                raise Cause(
                    f"`{header.name}` holds {x.min():g} to {x.max():g}, which is outside [{low:g}, {high:g}]",
                    "Write the `range` in which the images lie, as `range: [0, 255]`.",
                )
            x = ((x.astype(np.float32) - np.float32(low)) / np.float32(high - low)).clip(0, 1)
        if self.layout == "NHWC":
            x = x.transpose(0, 3, 1, 2)
        if self.layout == "NHW":
            x = x[:, None]
        found = np.ascontiguousarray(x, dtype=np.float32)
        if not np.isfinite(found).all():
            raise Cause(f"`{header.name}` holds values too large for float32")
        return found


def _read(npy: Any, stream: IO[bytes], name: str) -> NDArray[Any]:
    try:
        return npy.read_array(stream, allow_pickle=False)  # type: ignore[no-any-return]
    except ValueError:
        raise Cause(f"`{name}` is cut off, or no array of numbers") from None

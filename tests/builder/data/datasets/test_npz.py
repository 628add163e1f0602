"""NPZ: what is right is loaded as described; every wrong file is one clear sentence."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builder.data.datasets import npz
from builder.data.datasets.npz import NPZ
from builder.data.info import DataInfo, Examples, Target
from builder.errors import Cause, DataError
from builder.shapes import TensorType

Arrays = dict[str, Any]
BYTES = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
LABELS = np.array([0, 2])


def _both(folder: Path, source: NPZ, **arrays: Any) -> tuple[DataInfo, Examples]:
    np.savez(folder / source.path, **arrays)
    return source.describe(folder), source.load(folder)


def test_bytes_with_channels_last(tmp_path: Path) -> None:
    info, found = _both(tmp_path, NPZ(path="a.npz", layout="NHWC"), x=BYTES, y=LABELS)
    assert info == DataInfo(TensorType((3, 4, 5)), Target(classes=3), 2)
    assert found.x.dtype == np.float32 and found.y.dtype == np.int64
    np.testing.assert_array_equal(found.x, BYTES.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def test_grey_bytes(tmp_path: Path) -> None:
    info, found = _both(tmp_path, NPZ(path="a.npz", layout="NHW"), x=BYTES[..., 0], y=LABELS)
    assert info.input.shape == found.x.shape[1:] == (1, 4, 5)


def test_a_table_stays_as_it_is(tmp_path: Path) -> None:
    table, target = np.array([[1.5, -3], [2, 900.0]]), np.array([0.5, 1.5])
    info, found = _both(tmp_path, NPZ(path="a.npz"), x=table, y=target)
    assert info == DataInfo(TensorType((2,)), Target(shape=(1,)), 2, range=None)
    np.testing.assert_array_equal(found.x, table.astype(np.float32))
    np.testing.assert_array_equal(found.y, target[:, None].astype(np.float32))


def test_a_written_range_is_brought_to_the_unit(tmp_path: Path) -> None:
    info, found = _both(tmp_path, NPZ(path="a.npz", range=(-1, 3)), x=np.array([[-1.0, 3], [1, 1]]), y=LABELS)
    assert info.range == (0, 1)
    assert found.x.tolist() == [[0, 1], [0.5, 0.5]]


def test_tokens(tmp_path: Path) -> None:
    info, found = _both(tmp_path, NPZ(path="a.npz", vocabulary=9), x=np.array([[1, 8], [0, 2]]), y=LABELS)
    assert info.input == TensorType((2,), vocabulary=9)
    assert found.x.dtype == np.int64


def test_an_own_test_part(tmp_path: Path) -> None:
    x = np.linspace(0, 1, 12).reshape(6, 2)
    info, found = _both(
        tmp_path,
        NPZ(path="a.npz"),
        x_train=x,
        y_train=np.arange(6) % 3,
        x_test=x[:2],
        y_test=np.array([[4], [0]]),
    )
    assert (info.examples, info.test_examples, info.target.classes) == (6, 2, 5)
    assert found.test is not None and found.test.y.tolist() == [4, 0]


def test_more_classes_than_occur(tmp_path: Path) -> None:
    info, _ = _both(tmp_path, NPZ(path="a.npz", classes=7), x=np.ones((2, 2)), y=LABELS)
    assert info.target.classes == 7


ONES = np.ones((2, 3))


@pytest.mark.parametrize(
    ("fields", "arrays", "problem"),
    [
        ({}, {"a": ONES}, "expected arrays `x` and `y`, or `x_train` and `y_train`, found `a`"),
        ({}, {"x": ONES}, "the file holds `x` but no `y`"),
        (
            {},
            {"x": ONES, "y": LABELS, "x_train": ONES},
            "the file holds both `x` and `x_train`",
        ),
        ({}, {"x": ONES, "y": LABELS, "x_test": ONES}, "the file holds `x_test` but no `y_test`"),
        ({}, {"x": ONES, "y": np.zeros(3, int)}, "`x` holds 2 examples, and `y` 3"),
        ({}, {"x": ONES[:0], "y": LABELS[:0]}, "`x` holds no example"),
        (
            {},
            {"x": np.float64(1), "y": LABELS},
            "`x` is []: it needs an axis of examples and at least one more",
        ),
        ({}, {"x": ONES, "y": np.float64(1)}, "`x` holds 2 examples, and `y` none"),
        ({}, {"x": np.ones((2, 0)), "y": LABELS}, "`x` is [2, 0]: its examples hold nothing"),
        ({}, {"x": ONES, "y": np.array([0, -1])}, "`y` holds the class -1: classes count from 0"),
        ({"classes": 2}, {"x": ONES, "y": LABELS}, "`y` holds the class 2, and `classes` is 2"),
        (
            {},
            {"x": ONES, "y": LABELS * 10**6},
            "`y` holds the class 2000000, and 100,000 classes are allowed",
        ),
        (
            {},
            {"x": ONES, "y": np.zeros((2, 2), int)},
            "`y` holds whole numbers, so classes: one per example, not [2, 2]",
        ),
        ({"classes": 3}, {"x": ONES, "y": ONES}, "`classes` is written, and `y` holds reals"),
        ({"layout": "NHWC"}, {"x": ONES, "y": LABELS}, "`layout: NHWC` needs 4 axes, and `x` is [2, 3]"),
        (
            {},
            {"x": np.array([["a"], ["b"]]), "y": LABELS},
            "`x` holds values of type <U1, and numbers are expected",
        ),
        ({"vocabulary": 5}, {"x": ONES, "y": LABELS}, "`x` holds no whole numbers, which tokens are"),
        (
            {},
            {"x_train": ONES, "y_train": LABELS, "x_test": np.ones((1, 4)), "y_test": LABELS[:1]},
            "`x_test` holds examples of [4], and `x_train` of [3]",
        ),
        (
            {},
            {"x_train": ONES, "y_train": LABELS, "x_test": ONES, "y_test": np.ones(2)},
            "one of `y_train` and `y_test` holds classes, and the other reals",
        ),
    ],
)
def test_a_wrong_file_is_described_as_one(
    tmp_path: Path, fields: dict[str, Any], arrays: Arrays, problem: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    source = NPZ(path="a.npz", **fields)
    with pytest.raises(Cause) as caught:
        source.describe(tmp_path)
    assert caught.value.problem == problem
    with pytest.raises(DataError) as refused:
        source.load(tmp_path)
    assert refused.value.problem == problem


@pytest.mark.parametrize(
    ("fields", "x", "y", "problem"),
    [
        ({}, ONES * [1, np.nan, 1], LABELS, "`x` holds 2 values that are not finite (NaN or infinity)"),
        ({}, ONES, ONES[:, 0] * np.inf, "`y` holds 2 values that are not finite (NaN or infinity)"),
        ({}, np.full((2, 1, 2, 2), 255.0), LABELS, "`x` holds 255 to 255, which is outside [0, 1]"),
        ({"range": (0, 0.5)}, ONES, LABELS, "`x` holds 1 to 1, which is outside [0, 0.5]"),
        ({"vocabulary": 2}, np.array([[0], [2]]), LABELS, "`x` holds tokens outside 0 to 1"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_wrong_values_are_found_when_loaded(
    tmp_path: Path, fields: dict[str, Any], x: Any, y: Any, problem: str
) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=y)
    with pytest.raises(DataError) as caught:
        NPZ(path="a.npz", **fields).load(tmp_path)
    assert caught.value.problem == problem


def _refused(folder: Path, path: str = "a.npz") -> str:
    with pytest.raises(Cause) as caught:
        NPZ(path=path).describe(folder)
    return caught.value.problem


def test_objects_are_never_loaded(tmp_path: Path) -> None:
    bomb = np.empty(2, dtype=object)
    np.savez(tmp_path / "a.npz", x=bomb, y=LABELS)
    assert _refused(tmp_path) == "`x` holds Python objects, which are never loaded"


def test_paths(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    np.savez(tmp_path / "a.npz", x=ONES, y=LABELS)
    (inner / "link.npz").symlink_to(tmp_path / "a.npz")
    leaves = "the path `{}` leaves the folder of the file that names it"
    assert _refused(inner) == "there is no file `a.npz`"
    assert _refused(inner, "../a.npz") == leaves.format("../a.npz")
    assert _refused(inner, str(tmp_path / "a.npz")) == leaves.format(tmp_path / "a.npz")
    assert _refused(inner, "link.npz") == leaves.format("link.npz")
    assert _refused(tmp_path, "inner") == "expected a file at `inner`, found something else"
    os.mkfifo(inner / "a.npz")
    assert _refused(inner) == "expected a file at `a.npz`, found something else"


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK nothing of the kind")
    assert _refused(tmp_path) == "`a.npz` is no intact .npz file"
    np.savez(tmp_path / "b.npz", x=ONES, y=LABELS)
    whole = (tmp_path / "b.npz").read_bytes()
    at = whole.index(b"x.npy") + 60
    (tmp_path / "c.npz").write_bytes(whole[:at] + b"?" * 8 + whole[at + 8 :])
    assert "`c.npz`" in _refused(tmp_path, "c.npz")
    (tmp_path / "d.npz").write_bytes(whole[: len(whole) // 2])
    assert _refused(tmp_path, "d.npz") == "`d.npz` is no intact .npz file"


def _header(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def _forged(folder: Path, shape: str, body: bytes) -> None:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", _header(shape) + body)
        archive.writestr("y.npy", _header("(1,)") + bytes(8))


@pytest.mark.parametrize(
    ("shape", "body", "problem"),
    [
        ("(1, 1000000000000)", b"", "`x` says it holds 8,000,000,000,000 bytes, and 128 are stored"),
        ("(1, 1)", bytes(200_000), "`x` says it holds 8 bytes, and 200,128 are stored"),
        ("(1, -1)", b"", "`x` in `a.npz` is no NumPy array that can be read"),
        ("__import__('os')", b"", "`x` in `a.npz` is no NumPy array that can be read"),
        ("(" * 90, b"", "`x` in `a.npz` is no NumPy array that can be read"),
    ],
)
def test_a_header_that_lies(tmp_path: Path, shape: str, body: bytes, problem: str) -> None:
    _forged(tmp_path, shape, body)
    assert _refused(tmp_path) == problem


def test_a_bomb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "DEFAULT_LIMIT_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((2, 1 << 20), dtype=np.uint8), y=LABELS)
    assert (tmp_path / "a.npz").stat().st_size < 1 << 14
    assert _refused(tmp_path).startswith("`a.npz` would fill 0.0 GiB of memory")

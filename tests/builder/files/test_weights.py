"""Weights files that are right, wrong, or lie; the files come from safetensors itself or from a hostile hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from builder.errors import WeightsError
from builder.files.weights import check_weights, read_header
from builder.shapes import Shape

if TYPE_CHECKING:
    from tests.conftest import Yardstick

STATE: dict[str, Shape] = {"a.weight": (2, 3), "a.bias": (2,), "n.num_batches_tracked": ()}


def tensors() -> dict[str, torch.Tensor]:
    return {
        "a.weight": torch.randn(2, 3),
        "a.bias": torch.full((2,), torch.nan),
        "n.num_batches_tracked": torch.tensor(4),
    }


def raw(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: str = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_what_safetensors_wrote_is_read(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "w.safetensors", {"note": "ü"})
    header = check_weights(tmp_path / "w.safetensors", STATE)
    assert {name: e.shape for name, e in header.tensors.items()} == STATE
    assert header.metadata == {"note": "ü"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"a.bias": None}, r"has no `a\.bias`: expected \[2\] of F32"),
        (
            {"a.bias": None, "b.bias": torch.zeros(2)},
            r"It has `b\.bias` \[2\] of F32, which the network does not",
        ),
        ({"z": torch.zeros(1)}, r"has `z` \[1\] of F32, which the network does not"),
        ({"a.weight": torch.zeros(3, 2)}, r"`a\.weight`: expected \[2, 3\] of F32, found \[3, 2\] of F32"),
        ({"a.weight": torch.zeros(2, 3).double()}, r"found \[2, 3\] of F64.*\.float\(\)"),
        ({"n.num_batches_tracked": torch.tensor(1.0)}, r"expected \[\] of I64, found \[\] of F32"),
    ],
)
def test_the_first_difference_is_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    kept = {name: tensor for name, tensor in (tensors() | change).items() if tensor is not None}
    save_file(kept, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=problem):
        check_weights(tmp_path / "w.safetensors", STATE)


@pytest.mark.parametrize(
    ("header", "data", "problem"),
    [
        ({"a": entry(offsets=(0, 8))}, b"\0" * 8, "do not take 8 bytes"),
        ({"a": entry(), "b": entry()}, b"\0" * 4, "start at byte 0, expected 4"),
        ({"a": entry(offsets=(4, 8))}, b"\0" * 8, "start at byte 4, expected 0"),
        ({"a": entry()}, b"\0" * 5, "take 4 bytes, and 5 are there"),
        ({"a": entry()}, b"\0" * 3, "take 4 bytes, and 3 are there"),
        ({"a": entry(shape=(True,))}, b"\0" * 4, "is not `dtype`"),
        ({"a": entry(shape=(-1,), offsets=(0, -4))}, b"", "is not `dtype`"),
        ({"a": entry(shape=[2**63])}, b"", "is not `dtype`"),
        ({"a": entry(shape=[1] * 9)}, b"\0" * 4, "is not `dtype`"),
        ({"a": entry("F32BE")}, b"\0" * 4, "is not `dtype`"),
        ({"a": 3}, b"", "is not `dtype`"),
        ({"__metadata__": {"a": 1}}, b"", "metadata"),
        ([], b"", "no JSON object"),
        (b'{"a": 1, "a": 2}', b"", "names a tensor twice"),
        (b"[" * 100_000, b"", "no JSON"),
        (b"\xff\xfe", b"", "no JSON"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: Any, data: bytes, problem: str) -> None:
    with pytest.raises(WeightsError, match=problem):
        read_header(raw(tmp_path / "w.safetensors", header, data))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 1000])
def test_a_header_longer_than_the_file_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(WeightsError, match="does not fit"):
        read_header(raw(tmp_path / "w.safetensors", {}, length=length))


def test_a_sparse_file_of_ten_gigabytes_costs_nothing(tmp_path: Path, yardstick: Yardstick) -> None:
    path = tmp_path / "w.safetensors"

    def refused() -> None:
        with pytest.raises(WeightsError):
            read_header(path)

    for length in (2, 1 << 33):
        raw(path, {}, length=length)
        os.truncate(path, 10 << 30)
        yardstick.holds(refused, most=20)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.safetensors")
    os.symlink("/dev/zero", tmp_path / "zero.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("fifo", "zero", "folder"):
        with pytest.raises(WeightsError, match="is not a regular file"):
            read_header(tmp_path / f"{name}.safetensors")
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        read_header(tmp_path / "none.safetensors")


@pytest.mark.parametrize("length", [640, 0x4B50])
def test_a_header_whose_length_spells_a_pickle_or_a_zip_is_none(tmp_path: Path, length: int) -> None:
    text = json.dumps({"a": entry()}).encode().ljust(length)  # as safetensors pads it
    path = raw(tmp_path / "w.safetensors", text, bytes(4))
    assert path.read_bytes()[:2] in (b"\x80\x02", b"PK")
    assert list(read_header(path).tensors) == ["a"]


@pytest.mark.parametrize("name", ["weights.pt", "renamed.safetensors"])
def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / name)
    with pytest.raises(WeightsError, match=r"torch\.save.*save_file\(net\.state_dict\(\)"):
        read_header(tmp_path / name)


@pytest.mark.parametrize("name", ["a\ud800", "a\x1b[31m", "a\nb", "\x85"])
def test_a_name_that_no_text_can_show_is_refused(tmp_path: Path, name: str) -> None:
    for number, header in enumerate(({name: entry()}, {"a": entry(), "__metadata__": {name: "x"}})):
        path = raw(tmp_path / f"{number}.safetensors", header, bytes(4))
        with pytest.raises(WeightsError, match=r"no whole safetensors file: .* half of a character"):
            read_header(path)


def test_metadata_may_have_lines_but_no_half_characters(tmp_path: Path) -> None:
    path = raw(tmp_path / "w.safetensors", {"a": entry(), "__metadata__": {"k": "one\n\ttwo"}}, bytes(4))
    assert read_header(path).metadata == {"k": "one\n\ttwo"}
    path = raw(tmp_path / "w.safetensors", {"a": entry(), "__metadata__": {"k": "\ud800"}}, bytes(4))
    with pytest.raises(WeightsError, match="half of a character"):
        read_header(path)

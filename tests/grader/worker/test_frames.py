from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator

import numpy as np
import pytest

from grader.outcome import Failed
from grader.worker.frames import JSON_BYTES, Closed, Frame, Garbled, pack, receive, send
from grader.worker.one_step import answer_of, packed

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float64).reshape(2, 3).T,
        np.float64(3.5).reshape(()),
        np.zeros((0, 3), np.float32),
        np.array([True, False]),
        np.arange(12, dtype=np.int64)[::3],
        np.array([np.nan, np.inf, -0.0]),
    ],
    ids=["transposed", "0-d", "empty", "bool", "strided", "not finite"],
)
def test_arrays_arrive_as_they_left(pair: Pair, array: np.ndarray) -> None:
    send(pair[0], pack(Frame({"a": [1, "🙂", None]}, {"x": array})))
    got = receive(pair[1], 1 << 20)
    assert got.data == {"a": [1, "🙂", None]}
    assert got.arrays["x"].dtype == array.dtype and got.arrays["x"].shape == array.shape
    np.testing.assert_array_equal(got.arrays["x"], array)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<QQ", 1 << 63, 0),
        struct.pack("<QQ", 2, 1 << 62) + b"{}",
        struct.pack("<QQ", 2, 8) + b"[]" + struct.pack("<Q", 2),
        struct.pack("<QQ", 3, 0) + b"{a}",
        struct.pack("<QQ", 2, 8) + b"{}" + struct.pack("<Q", 1 << 63),
    ],
    ids=["text too long", "arrays too long", "a list", "no JSON", "a header that lies"],
)
def test_what_is_no_frame_is_refused(pair: Pair, data: bytes) -> None:
    pair[0].sendall(data)
    with pytest.raises(Garbled):
        receive(pair[1], 1 << 20, time.monotonic() + 5)


def test_the_other_side_may_be_gone_or_slow(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        receive(pair[1], 1 << 20, time.monotonic() + 0.01)
    pair[0].sendall(b"\1")
    pair[0].close()
    with pytest.raises(Closed):
        receive(pair[1], 1 << 20)


def test_what_json_cannot_hold_is_no_frame() -> None:
    with pytest.raises(TypeError):
        pack(Frame({"a": object()}))


def test_an_answer_over_the_limit_is_a_failure_with_it_named() -> None:
    for frame in (
        Frame({"found": {}}, {"x": np.zeros(JSON_BYTES // 8 + 1000)}),
        Frame({"found": {"x": "x" * JSON_BYTES}}),
    ):
        data = packed(frame, 100)
        length, arrays = struct.unpack_from("<QQ", data)
        assert arrays < 100
        answer = answer_of(Frame(json.loads(data[16 : 16 + length])))
        assert isinstance(answer, Failed) and "100 bytes (the limit of an answer)" in answer.expected

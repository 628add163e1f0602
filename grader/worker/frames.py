"""What the grader and its workers say to each other: JSON and arrays, never a pickle.

A frame is two lengths (little-endian 64-bit), then JSON, then arrays in the safetensors format. Both sides
refuse a frame over their limit before reading it.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from safetensors.numpy import load, save

from grader.exchange import Array

JSON_BYTES: Final = 16 << 20
_LENGTHS: Final = struct.Struct("<QQ")


class Closed(Exception):
    """The other side is gone."""


class Garbled(Exception):
    """What came is no frame, or one over the limit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    data: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


def pack(frame: Frame) -> bytes:
    """The frame as bytes. Raises ``TypeError`` or ``ValueError`` for what JSON or safetensors cannot hold."""
    text = json.dumps(frame.data, separators=(",", ":")).encode()
    # safetensors keeps memory as it lies, and a 0-d value is no array until it is asked to be one.
    arrays = save({name: np.require(array, requirements="C") for name, array in frame.arrays.items()})
    return _LENGTHS.pack(len(text), len(arrays)) + text + arrays


def fits(data: bytes | bytearray, arrays_limit: int) -> bool:
    """Whether ``receive`` takes these packed bytes."""
    text_length, arrays_length = _LENGTHS.unpack_from(data)
    return bool(text_length <= JSON_BYTES and arrays_length <= arrays_limit + JSON_BYTES)


def send(channel: socket.socket, data: bytes, deadline: float | None = None) -> None:
    """Sends packed bytes. Raises ``Closed``; ``TimeoutError`` past the ``deadline`` (``time.monotonic``)."""
    view = memoryview(data)
    try:
        while view:
            _await(channel, deadline)
            view = view[channel.send(view) :]
    except (BrokenPipeError, ConnectionResetError):
        raise Closed from None


def receive(channel: socket.socket, arrays_limit: int, deadline: float | None = None) -> Frame:
    """The next frame. Raises ``Closed``, ``Garbled``, and ``TimeoutError`` past the ``deadline``."""
    lengths = _exactly(channel, _LENGTHS.size, deadline)
    text_length, arrays_length = _LENGTHS.unpack(lengths)
    if not fits(lengths, arrays_limit):
        raise Garbled(f"a message of {text_length:,} + {arrays_length:,} bytes is over the limit")
    text = _exactly(channel, text_length, deadline)
    body = _exactly(channel, arrays_length, deadline)
    try:
        data = json.loads(text)
        arrays = load(bytes(body))
    except Exception as error:  # whatever the parsers meet: it is no frame
        raise Garbled(f"a message that cannot be read ({error})") from None
    if not isinstance(data, dict):
        raise Garbled("a message that is no mapping")
    return Frame(data, arrays)


def _exactly(channel: socket.socket, length: int, deadline: float | None) -> bytearray:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        _await(channel, deadline)
        try:
            received = channel.recv_into(view)
        except ConnectionResetError:
            received = 0
        if received == 0:
            raise Closed
        view = view[received:]
    return data


def _await(channel: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        channel.settimeout(None)
    elif (left := deadline - time.monotonic()) > 0:
        channel.settimeout(left)
    else:
        raise TimeoutError

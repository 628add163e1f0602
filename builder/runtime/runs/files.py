"""Files that are either whole or not there, and tensors in them without pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor, nn

from builder.files.weights import check_weights
from builder.shapes import Shape


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Lets ``write`` fill a file beside ``path``, then moves it there: readers see the old or the new."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes plain data as JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes tensors as safetensors, atomically; from whatever device, with ``metadata`` in the header.

    The same tensors and metadata give the same bytes.
    """
    dense = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # As bytes: the library's own files can be read by their owner alone, and a run is often shared.
    content = _sorted_metadata(save(dense, dict(metadata) or None))
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def _sorted_metadata(content: bytes) -> bytes:
    """The safetensors file with its metadata in order; the library writes it in another order every time."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # values start at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def load_weights(module: nn.Module, path: Path, state: dict[str, Shape]) -> dict[str, str]:
    """Loads a weights file into ``module``, whose graph's state is ``state``; returns the file's metadata.

    Raises ``WeightsError``, before any value is read, for a file that does not hold exactly those tensors.
    What the values are, even not-a-number, is not judged.
    """
    header = check_weights(path, state)
    module.load_state_dict(load_file(path))
    return header.metadata

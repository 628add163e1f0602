"""Where a run can go on: any nested state as safetensors and JSON, whole or not there, without pickle.

``checkpoint/state.json`` names the tensors' file. It is replaced last, so a run that is killed at any moment
leaves the checkpoint of the last epoch that ended.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from builder.errors import RunError
from builder.runtime.runs.files import write_json, write_tensors

STATE: Final = "state.json"


def save_checkpoint(folder: Path, epoch: int, state: dict[str, Any]) -> None:
    """Writes ``state`` (dicts, lists, tuples, tensors, numbers, texts) as the checkpoint after ``epoch``."""
    folder.mkdir(exist_ok=True)
    tensors: dict[str, Tensor] = {}
    plain = _pack(state, "state", tensors)
    file = f"epoch-{epoch:06}.safetensors"
    write_tensors(folder / file, tensors, {})
    write_json(folder / STATE, {"epoch": epoch, "tensors": file, "state": plain})
    for other in folder.glob("epoch-*.safetensors"):
        if other.name != file:
            other.unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The state that was saved, tensors on the CPU, or None if there is no checkpoint.

    Raises ``RunError`` if there is one and it cannot be read.
    """
    if not (folder / STATE).exists():
        return None
    try:
        stored = json.loads((folder / STATE).read_text(encoding="utf-8"))
        name = Path(stored["tensors"]).name
        state = _unpack(stored["state"], load_file(folder / name))
        if not isinstance(state, dict):
            raise TypeError(state)
        return state
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise unreadable(folder, error) from error


def unreadable(folder: Path, error: Exception) -> RunError:
    """The error of a checkpoint that is there and cannot be used."""
    return RunError(
        f"The checkpoint in `{folder}` cannot be read ({type(error).__name__}: {str(error)[:120]}).",
        "Start the run again in an empty folder.",
    )


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The value with each tensor put aside under its path; what JSON has not is marked."""
    match value:
        case Tensor():
            tensors[path] = value
            return {"tensor": path}
        case dict():
            return {"dict": [[key, _pack(item, f"{path}.{key}", tensors)] for key, item in value.items()]}
        case tuple():
            return {"tuple": [_pack(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]}
        case list():
            return [_pack(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{path} holds a {type(value).__name__}, which a checkpoint cannot")


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    match value:
        case {"tensor": str(path)}:
            return tensors[path]
        case {"dict": [*items]}:
            return {key: _unpack(item, tensors) for key, item in items}
        case {"tuple": [*items]}:
            return tuple(_unpack(item, tensors) for item in items)
        case list():
            return [_unpack(item, tensors) for item in value]
    return value

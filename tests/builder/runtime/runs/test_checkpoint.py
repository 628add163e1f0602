"""Checkpoints: what goes in comes out, and what is broken is said to be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from builder.errors import RunError
from builder.runtime.runs.checkpoint import load_checkpoint, save_checkpoint

STATE: dict[str, Any] = {
    "numbers": [1, 2.5, math.inf, None, True, "text"],
    "keys": {0: {"step": torch.tensor(3.0)}, 1: {}},
    "betas": (0.9, 0.999),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "half": torch.tensor([[1.5]], dtype=torch.bfloat16),
}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint", 1, {"old": 1})
    save_checkpoint(tmp_path / "checkpoint", 2, STATE)
    assert same(load_checkpoint(tmp_path / "checkpoint"), STATE)
    files = sorted(file.name for file in (tmp_path / "checkpoint").iterdir())
    assert files == ["epoch-000002.safetensors", "state.json"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "checkpoint") is None


def test_killed_before_the_end_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, 1, STATE)

    def killed(path: Path, value: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("builder.runtime.runs.checkpoint.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(folder, 2, {"new": torch.zeros(1)})
    assert same(load_checkpoint(folder), STATE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tensors": "epoch-000001.safetensors"}', b"\xff"])
def test_a_broken_state_is_said(tmp_path: Path, content: bytes) -> None:
    save_checkpoint(tmp_path, 1, STATE)
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(RunError, match=r"checkpoint in .* cannot be read"):
        load_checkpoint(tmp_path)


def test_cut_or_missing_tensors_are_said(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, STATE)
    file = tmp_path / "epoch-000001.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(RunError, match="cannot be read"):
        load_checkpoint(tmp_path)
    file.unlink()
    with pytest.raises(RunError, match="cannot be read"):
        load_checkpoint(tmp_path)


def test_what_has_no_place_in_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="holds a set"):
        save_checkpoint(tmp_path / "checkpoint", 1, {"a": {1}})

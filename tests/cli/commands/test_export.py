"""`gradspec export`: one ONNX file, proved equal to the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_a_file_is_written(run: Run, tmp_path: Path, trained: Path) -> None:
    exported = run("export", str(trained), "--out", "m.onnx")
    assert exported.returncode == 0
    assert exported.stdout.startswith("proved: onnxruntime equals torch to ")
    assert exported.stdout.endswith("\nwritten: m.onnx\n")
    assert (tmp_path / "m.onnx").is_file()


def test_what_cannot_be_written_is_wrong_usage(run: Run, spec: Path, trained: Path) -> None:
    assert run("export", str(trained), "--out", str(trained)).returncode == 2
    assert run("export", str(trained), "--out", "small.yaml/m.onnx").returncode == 2

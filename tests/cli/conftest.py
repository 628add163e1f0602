"""What tests of the command line share: `gradspec` run within this process, and two specs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import cli.main


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


MISTAKES = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_sise: 5, kernel_size: 5}
  - Flaten
"""
SMALL = """\
name: small
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 1]}], split: {train: 0.8, test: 0.2}}
train:
  loss: CrossEntropyLoss
  optimizer: {Adam: {lr: 1e-2}}
  epochs: 1
  metrics: [accuracy]
  device: cpu
  threads: 1
"""

Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `gradspec` in an empty folder, within this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gradspec", *arguments])
        code = cli.main.main()
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """`small.yaml`, which is right."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def mistakes(tmp_path: Path) -> Path:
    """`model.yaml`, which has two mistakes."""
    path = tmp_path / "model.yaml"
    path.write_text(MISTAKES, encoding="utf-8")
    return path

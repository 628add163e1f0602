"""`gradspec build`: the files of a network that is not trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAYERS = """\
networks:
  generator: {input: [4], layers: [{Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 3}, ReLU, {Linear: 1}]}
"""
GAME = "adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}}\n"
Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_build_writes_what_there_is_to_know(run: Run, tmp_path: Path, spec: Path) -> None:
    built = run("build", "small.yaml", "--out", "built")
    assert built.returncode == 0, built.stderr
    names = {path.name for path in (tmp_path / "built").iterdir()}
    assert names == {"spec.yaml", "weights.safetensors", "model.onnx", "summary.txt"}
    assert "linear_1" in (tmp_path / "built" / "summary.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("game", "files"), [("", {"generator.onnx", "discriminator.onnx"}), (GAME, {"model.onnx"})]
)
def test_several_networks_are_built_under_their_names(
    run: Run, tmp_path: Path, game: str, files: set[str]
) -> None:
    (tmp_path / "pair.yaml").write_text(PLAYERS + game, encoding="utf-8")
    assert run("build", "pair.yaml", "--out", "built").returncode == 0
    names = {path.name for path in (tmp_path / "built").iterdir()}
    assert names == {"spec.yaml", "weights.safetensors", "summary.txt"} | files

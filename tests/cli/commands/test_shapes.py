"""Specs of several networks, as `validate`, `shapes` and `build` show them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import cli.main

PLAYERS = """\
networks:
  generator: {input: [4], layers: [{Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 3}, ReLU, {Linear: 1}]}
"""
GAME = "adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}}\n"


@pytest.mark.parametrize(
    ("game", "files"), [("", {"generator.onnx", "discriminator.onnx"}), (GAME, {"model.onnx"})]
)
def test_several_networks_are_shown_and_built_under_their_names(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    game: str,
    files: set[str],
) -> None:
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["gradspec", *arguments])
        assert cli.main.main() == 0
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "pair.yaml").write_text(PLAYERS + game, encoding="utf-8")
    assert run("validate", "pair.yaml") == (
        "pair.yaml: right; generator and discriminator, 4 layers, 23 parameters\n"
    )
    shown = run("shapes", "pair.yaml")
    assert "generator: input N×4\n" in shown and "discriminator: input N×2\n" in shown
    assert shown.endswith("together      23 parameters, 92 bytes as float32\n")
    data = json.loads(run("shapes", "pair.yaml", "--json"))
    assert {name: net["parameters"] for name, net in data["networks"].items()} == {
        "generator": 10,
        "discriminator": 13,
    }
    run("build", "pair.yaml", "--out", "built")
    names = {path.name for path in (tmp_path / "built").iterdir()}
    assert names == {"spec.yaml", "weights.safetensors", "summary.txt"} | files

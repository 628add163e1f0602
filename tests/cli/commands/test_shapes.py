"""`gradspec shapes`: the arithmetic, totals, several networks, data for a program."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PLAYERS = """\
networks:
  generator: {input: [4], layers: [{Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 3}, ReLU, {Linear: 1}]}
"""
Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_shapes_shows_the_arithmetic(run: Run) -> None:
    result = run("shapes", str(ROOT / "specs/models/lenet5.yaml"))
    assert result.returncode == 0
    assert (
        " 1 conv2d_1      N×6×28×28          156  ⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28\n"
        "                                         6·(1·5·5) + 6 = 156\n"
    ) in result.stdout
    assert "parameters      61,706  241.0 KiB as float32\n" in result.stdout
    assert "multiply-adds  416,520  for one example\n" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_shapes_as_data(run: Run, spec: Path) -> None:
    data = json.loads(run("shapes", "small.yaml", "--json").stdout)
    assert data["parameters"] == 650
    assert [(one["name"], one["output"]) for one in data["layers"]] == [
        ("flatten_1", [64]),
        ("linear_1", [10]),
    ]
    failed = run("shapes", "small.yaml", "--json", "--set", "layers[1].Linear=no")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errors"][0]["path"] == "layers[1].Linear"


def test_several_networks_are_shown_under_their_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(PLAYERS, encoding="utf-8")
    shown = run("shapes", "pair.yaml").stdout
    assert "generator: input N×4\n" in shown and "discriminator: input N×2\n" in shown
    assert shown.endswith("together      23 parameters, 92 bytes as float32\n")
    data = json.loads(run("shapes", "pair.yaml", "--json").stdout)
    assert {name: network["parameters"] for name, network in data["networks"].items()} == {
        "generator": 10,
        "discriminator": 13,
    }

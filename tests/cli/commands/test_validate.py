"""`gradspec validate`: every error with its place, advice, places to fill, data for a program."""

from __future__ import annotations

import json
import os
import re
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


def test_validate_shows_every_error_with_its_caret(run: Run, mistakes: Path) -> None:
    result = run("validate", "model.yaml")
    assert result.returncode == 1
    assert result.stderr == ""
    assert result.stdout == (
        "model.yaml:3:31: `Conv2d` has no field `kernel_sise`\n"
        "  3 │   - Conv2d: {out_channels: 6, kernel_sise: 5, kernel_size: 5}\n"
        "    │                               ^\n"
        "      at layers[0].Conv2d.kernel_sise\n"
        "      Hint: Did you mean `kernel_size`?\n"
        "\n"
        "model.yaml:4:5: there is no layer type `Flaten`\n"
        "  4 │   - Flaten\n"
        "    │     ^\n"
        "      at layers[1]\n"
        "      Hint: Did you mean `Flatten`?\n"
        "\n"
        "2 errors in model.yaml.\n"
    )


def test_validate_answers_a_program(run: Run, mistakes: Path) -> None:
    result = run("validate", "model.yaml", "--json")
    assert result.returncode == 1
    data = json.loads(result.stdout)
    assert set(data) == {"errors", "advice"}
    assert [(e["line"], e["column"], e["hint"]) for e in data["errors"]] == [
        (3, 31, "Did you mean `kernel_size`?"),
        (4, 5, "Did you mean `Flatten`?"),
    ]
    assert set(data["errors"][0]) == {"file", "line", "column", "path", "problem", "hint"}


def test_validate_counts_holes_in_one_line(run: Run, tmp_path: Path) -> None:
    text = "input: [1, 8, 8]\nlayers:\n  - Conv2d: {out_channels: ???, kernel_size: 3}\n  - Linear: ???\n"
    (tmp_path / "starter.yaml").write_text(text, encoding="utf-8")
    result = run("validate", "starter.yaml")
    assert (result.returncode, result.stdout) == (0, "starter.yaml: 2 places to fill: lines 3, 4\n")


def test_validate_takes_many_files_and_sets(run: Run, spec: Path, mistakes: Path) -> None:
    result = run("validate", "small.yaml", "model.yaml")
    assert result.returncode == 1
    assert result.stdout.startswith("small.yaml: right; 2 layers, 650 parameters\nmodel.yaml:3:31: ")
    result = run("validate", "small.yaml", "--set", "layers[1].Linear={out_features: 10, bias: false}")
    assert result.stdout == "small.yaml: right; 2 layers, 640 parameters\n"


def test_what_is_no_file_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name, found in (("pipe.yaml", "a pipe"), ("zero.yaml", "a device"), (".", "a folder")):
        result = run("validate", name)
        assert result.returncode == 1
        assert f"expected a file, found {found}" in result.stdout


def test_several_networks_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(PLAYERS, encoding="utf-8")
    assert run("validate", "pair.yaml").stdout == (
        "pair.yaml: right; generator and discriminator, 4 layers, 23 parameters\n"
    )


def test_an_assignment_is_validated_too(run: Run) -> None:
    path = ROOT / "specs/assignments/lenet-digits/assignment.yaml"
    result = run("validate", str(path))
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(path))}: right; \d+ checks, \d+ points\n", result.stdout)

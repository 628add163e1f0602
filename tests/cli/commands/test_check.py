"""`gradspec check`: what the public checks say of one's own folder, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]  # what `conftest.py` says that it gives
ASSIGNMENT = """
gradspec: 1
assignment: small
submission: {model: small.yaml}
points: 3
checks:
  - {name: size, parameters: {max: 700}, points: 1}
  - {name: shape, shapes: {layers: all}, points: 2}
reference: {model: reference.yaml}
"""


@pytest.fixture
def assignment(tmp_path: Path, spec: Path) -> None:
    """An assignment beside a submission, as a student has it: without the reference."""
    (tmp_path / "assignment.yaml").write_text(ASSIGNMENT, encoding="utf-8")


@pytest.mark.usefixtures("assignment")
def test_what_passes_and_what_is_judged_later(run: Run) -> None:
    result = run("check", "assignment.yaml", ".")
    assert (result.returncode, result.stderr) == (0, "")
    assert "passed    size  1/1\n" in result.stdout
    assert result.stdout.endswith("Judged after you hand it in: shape.\n")
    data = json.loads(run("check", "assignment.yaml", ".", "--json").stdout)
    assert [check["outcome"] for check in data["checks"]] == ["passed"] * len(data["checks"])
    assert data["elsewhere"] == ["shape"]


@pytest.mark.usefixtures("assignment")
def test_what_fails(run: Run, spec: Path) -> None:
    spec.write_text(spec.read_text(encoding="utf-8").replace("Linear: 10", "Linear: 100"), encoding="utf-8")
    result = run("check", "assignment.yaml", ".")
    assert result.returncode == 1
    assert "failed    size  0/1\n" in result.stdout

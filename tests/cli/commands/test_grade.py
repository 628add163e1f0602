"""`gradspec grade`: the class table, the files, data for a program, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]  # what `conftest.py` says that it gives
ASSIGNMENT = """
gradspec: 1
assignment: small
reference: {model: small.yaml}
submission: {model: model.yaml}
points: 3
checks:
  - {name: size, parameters: {max: 700}, points: 1}
  - {name: shape, shapes: {layers: all}, points: 2}
"""


def test_a_class_is_graded(run: Run, tmp_path: Path, spec: Path) -> None:
    (tmp_path / "assignment.yaml").write_text(ASSIGNMENT, encoding="utf-8")
    text = spec.read_text(encoding="utf-8")
    for name, model in (("ada", text), ("boole", text.replace("Linear: 10", "Linear: 100"))):
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "model.yaml").write_text(model, encoding="utf-8")
    (tmp_path / "class" / "notes.txt").touch()

    result = run("grade", "assignment.yaml", "class", "--out", "grades", "--jobs", "1")
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0][:2] == ["submission", "points"]
    assert ["ada", "3/3"] in [row[:2] for row in rows]
    assert "Not folders, and ignored: notes.txt.\n" in result.stdout
    assert result.stdout.endswith("written: grades\n")
    assert (tmp_path / "grades" / "grades.csv").is_file()

    data = json.loads(run("grade", "assignment.yaml", "class", "--out", "again", "--json").stdout)
    points = {one["id"]: one["points"] for one in data["submissions"]}
    assert points["ada"] == 3 and points["boole"] < 3

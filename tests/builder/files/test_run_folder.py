"""A run's folder tells its spec without torch, and says why where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.errors import Cause
from builder.files.run_folder import ENVIRONMENT, SPEC, spec_of_run


def test_the_spec_and_where_its_paths_start(tmp_path: Path) -> None:
    (tmp_path / SPEC).write_text("input: [2]  # ≤ 3\n", encoding="utf-8")
    (tmp_path / ENVIRONMENT).write_text(json.dumps({"paths_from": "../course"}), encoding="utf-8")
    assert spec_of_run(tmp_path) == ("input: [2]  # ≤ 3\n", tmp_path / "../course")


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        (None, r"No such file or directory: '.*environment\.json'"),
        ("{}", "'paths_from'"),
        ("[]", "list indices must be integers"),
        ("{", "Expecting property name"),
    ],
)
def test_another_folder(tmp_path: Path, environment: str | None, problem: str) -> None:
    (tmp_path / SPEC).write_text("input: [2]\n", encoding="utf-8")
    if environment is not None:
        (tmp_path / ENVIRONMENT).write_text(environment, encoding="utf-8")
    with pytest.raises(Cause, match=problem):
        spec_of_run(tmp_path)

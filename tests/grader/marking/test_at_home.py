from __future__ import annotations

from pathlib import Path

import pytest

from grader import Failed, Passed, check_folder

RELEASED = """\
assignment: digits
points: 10
submission: {model: model.yaml, weights: weights.safetensors}
checks:
  - {valid: {}, points: 2}
  - {name: clean, accuracy: {zero: 0, full: 1}, points: 5}
  - {name: gap, generalisation: 0.1, needs: {clean: 0.5}}
  - {name: shield, robustness: {worst_of: [{FGSM: 0.1}], zero: 0, full: 1}}
  - {name: secret, accuracy: {zero: 0, full: 1}, points: 3, visibility: hidden}
"""


def test_a_student_runs_what_he_may_know(tmp_path: Path) -> None:
    (tmp_path / "assignment.yaml").write_text(RELEASED)
    own = tmp_path / "own"
    own.mkdir()
    (own / "model.yaml").write_text("input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\n")
    result = check_folder(tmp_path / "assignment.yaml", own)
    assert [(one.planned.name, one.outcome) for one in result.checks] == [("valid", Passed())]
    assert [one.name for one in result.elsewhere] == ["clean", "gap", "shield"]
    (own / "model.yaml").write_text("layers: []\n")
    (broken,) = check_folder(tmp_path / "assignment.yaml", own).checks
    assert isinstance(broken.outcome, Failed) and broken.points == 0


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "assignment.yaml").write_text(RELEASED)
    with pytest.raises(OSError):
        check_folder(tmp_path / "assignment.yaml", tmp_path / "nowhere")
    with pytest.raises(OSError):
        check_folder(tmp_path / "nothing.yaml", tmp_path)

"""A reference that fails its own checks means that the question is wrong: nobody is graded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.errors import RunError

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom


def test_a_reference_with_errors_is_an_error(classroom: Classroom) -> None:
    classroom.write(reference="input: [1, 8, 8]\nlayers: [Flaten]\n")
    classroom.submit("ada")
    with pytest.raises(RunError, match=r"the reference has errors.*Flaten"):
        classroom.grade()


def test_a_reference_that_is_not_good_enough_is_an_error(classroom: Classroom, weights: bytes) -> None:
    text = classroom.assignment.read_text()
    named = text.replace(
        "reference: reference.yaml", "reference: {model: reference.yaml, weights: reference.safetensors}"
    )
    assert named != text
    classroom.assignment.write_text(named)
    (classroom.folder / "reference.safetensors").write_bytes(weights)
    classroom.submit("ada")
    with pytest.raises(
        RunError, match=r"the reference does not pass its own check `clean` \(\d+% of its points\)"
    ):
        classroom.grade()


def test_a_reference_that_is_not_allowed_is_an_error(classroom: Classroom) -> None:
    text = classroom.assignment.read_text()
    classroom.assignment.write_text(
        text.replace("points: 10\ndata", "allow: {layers: [Linear]}\npoints: 10\ndata")
    )
    classroom.submit("ada")
    with pytest.raises(RunError, match=r"does not pass its own check `valid`.*1 × `Conv2d`"):
        classroom.grade()

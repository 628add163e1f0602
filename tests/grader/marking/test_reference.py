"""A reference that fails its own checks means that the question is wrong: nobody is graded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from builder.errors import DataError, RunError
from grader import Limits
from grader.exchange import Task

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


def test_more_data_than_may_be_handed_over_is_the_assignments_fault() -> None:
    task = Task(arrays={"inputs": np.zeros(1000, np.float32)})
    assert Limits(arrays=4000).refuse(None, task) is None
    with pytest.raises(DataError, match="the data that a check needs fills 1 MiB"):
        Limits(arrays=3999).refuse(None, task)

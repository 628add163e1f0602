"""A small class: a network for the digits as they are (1×8×8), so that grading it takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader import ClassResult, Limits, SubmissionResult, grade
from grader.worker.pool import Server

MODEL = """\
name: small
input: [1, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - ReLU
  - Flatten
  - Linear: 10
"""

ASSIGNMENT = """\
gradspec: 1
assignment: digits
title: Small & simple
reference: reference.yaml
submission: {model: model.yaml, weights: weights.safetensors}
points: 10
data: {source: Digits, split: {train: 0.8, test: 0.2}}
checks:
  - {name: clean, accuracy: {zero: 0.0, full: 1.0}, points: 10}
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One fork server for all tests: starting it takes as long as importing torch."""
    with Server() as running:
        running.wait()
        yield running


@dataclass
class Classroom:
    """A folder with an assignment, a reference and submissions."""

    folder: Path
    server: Server
    model: str = MODEL

    @staticmethod
    def weights_of(model: str, seed: int = 0) -> bytes:
        """The weights that torch first draws for a model, as a file."""
        from safetensors.torch import save

        from builder import loads
        from builder.runtime.network.module import build

        return save(build(loads(model), seed).state_dict())

    @property
    def assignment(self) -> Path:
        return self.folder / "assignment.yaml"

    @property
    def submissions(self) -> Path:
        return self.folder / "submissions"

    def write(self, assignment: str = ASSIGNMENT, reference: str = MODEL) -> None:
        self.assignment.write_text(assignment)
        (self.folder / "reference.yaml").write_text(reference)

    def submit(self, name: str, model: str | None = MODEL, weights: bytes | None = None) -> Path:
        folder = self.submissions / name
        folder.mkdir(parents=True)
        if model is not None:
            (folder / "model.yaml").write_text(model)
        if weights is not None:
            (folder / "weights.safetensors").write_bytes(weights)
        return folder

    def grade(self, limits: Limits | None = None, out: Path | None = None, jobs: int = 2) -> ClassResult:
        return grade(self.assignment, self.submissions, out, jobs=jobs, limits=limits, server=self.server)

    def graded(self, limits: Limits | None = None) -> dict[str, SubmissionResult]:
        return {one.id: one for one in self.grade(limits).submissions}


@pytest.fixture
def classroom(tmp_path: Path, server: Server) -> Classroom:
    """A class without submissions yet."""
    room = Classroom(tmp_path, server)
    room.write()
    room.submissions.mkdir()
    return room


@pytest.fixture(scope="session")
def weights() -> bytes:
    """Weights of the small model as torch first draws them."""
    return Classroom.weights_of(MODEL)

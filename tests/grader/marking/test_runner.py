from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder.errors import RunError
from grader import Began, Blocked, Failed, Judged, grade
from grader.checks.accuracy import accuracy
from grader.exchange import Task
from grader.worker.pool import Server, Worker

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom


def test_progress_is_told_in_order(classroom: Classroom, weights: bytes) -> None:
    for name in ("c", "a", "b"):
        classroom.submit(name, weights=weights)
    events: list[object] = []
    result = grade(classroom.assignment, classroom.submissions, server=classroom.server, watch=events.append)
    first, *others = events
    assert isinstance(first, Began) and first.submissions == 3
    assert [one.done for one in others if isinstance(one, Judged)] == [1, 2, 3]
    assert [one.id for one in result.submissions] == ["a", "b", "c"]


def test_the_same_class_gets_the_same_points(classroom: Classroom, weights: bytes) -> None:
    for name in "abcdef":
        classroom.submit(name, weights=classroom.weights_of(classroom.model, seed=ord(name)))
    once, again = classroom.grade(jobs=1), classroom.grade(jobs=2)
    assert once.to_json() == again.to_json()


def test_needs_block_below_their_part(classroom: Classroom, weights: bytes) -> None:
    text = classroom.assignment.read_text().replace("points: 10}", "points: 5}")
    classroom.assignment.write_text(
        text + "  - {name: next, accuracy: {zero: 0, full: 1}, needs: {clean: 0.9}, points: 3}\n"
        "  - {name: easy, accuracy: {zero: 0, full: 1}, needs: {clean: 0.01}, points: 2}\n"
    )
    classroom.submit("ada", weights=weights)
    _, clean, after, easy = classroom.graded()["ada"].checks
    assert isinstance(clean.outcome, Failed)
    assert after.outcome == Blocked(
        "clean", f"it reached {clean.outcome.fraction:.0%} of its points, and 90% are needed"
    )
    assert isinstance(easy.outcome, Failed)


def test_a_fault_of_ours_is_broken_with_its_trace_for_the_lecturer(
    classroom: Classroom, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(accuracy, "judge", fails)
    classroom.submit("ada", weights=weights)
    out = classroom.folder / "out"
    result = classroom.grade(out=out)
    assert result.broken and result.submissions[0].points is None
    assert "a bug" in (out / "logs" / "ada.txt").read_text()
    assert "a bug" not in (out / "feedback" / "ada.html").read_text()


def test_archives_and_empty_classes_are_said(classroom: Classroom, weights: bytes) -> None:
    with pytest.raises(RunError, match="holds no submission"):
        classroom.grade()
    classroom.submit("ada", weights=weights)
    (classroom.submissions / "notes.txt").write_text("")
    (classroom.submissions / ".DS_Store").write_text("")
    assert classroom.grade().ignored == ("notes.txt",)
    (classroom.submissions / "bob.zip").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"`bob.zip` is an archive"):
        classroom.grade()


def test_nothing_is_left_running(classroom: Classroom, weights: bytes) -> None:
    classroom.submit("ada", weights=weights)
    before = len(os.listdir("/proc/self/fd"))
    classroom.grade()
    assert len(os.listdir("/proc/self/fd")) == before
    children = Path(f"/proc/{classroom.server.pid}/task/{classroom.server.pid}/children")
    until = time.monotonic() + 60
    while children.read_text() and time.monotonic() < until:
        time.sleep(0.01)
    assert children.read_text() == ""


def test_an_assignment_of_answers_alone_asks_for_no_model(classroom: Classroom) -> None:
    classroom.assignment.write_text(
        "assignment: by-hand\nreference: reference.yaml\npoints: 4\n"
        "submission: {model: null, answers: answers.yaml}\n"
        "checks: [{answers: {q1: parameters(conv2d_1)}, points: 4}]\n"
    )
    (classroom.submit("ada", model=None) / "answers.yaml").write_text("q1: 40\n")
    (classroom.submit("bob", model=None) / "answers.yaml").write_text("q1: 36\n")
    graded = classroom.graded()
    assert [one.planned.type for one in graded["ada"].checks] == ["answers"]
    assert (graded["ada"].points, graded["bob"].points) == (4, 0)


def test_a_server_that_ends_leaves_nobody_with_zero(
    classroom: Classroom, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as server:
        ask = Worker.ask

        def fatal(self: Worker, check: int, task: Task) -> object:
            if self.folder.name == "ada":
                server.kill()
            return ask(self, check, task)

        monkeypatch.setattr(Worker, "ask", fatal)
        classroom.submit("ada", weights=weights)
        classroom.submit("bob", weights=weights)
        result = grade(classroom.assignment, classroom.submissions, server=server, jobs=1)
    ada, bob = result.submissions
    assert bob.broken and bob.points is None
    assert ada.points is None or ada.points > 0, "who was still answered is judged as ever"

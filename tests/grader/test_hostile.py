"""Submissions that broke other graders: each costs its own student only, with the reason said."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load, save

from grader import Blocked, Broken, CheckResult, Failed, Limits, Passed, SubmissionResult
from grader.worker.pool import Worker

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

Break = Callable[[Path], object]


def model(text: str) -> Break:
    return lambda folder: (folder / "model.yaml").write_text(text)


def sparse(name: str, size: int) -> Break:
    def write(folder: Path) -> None:
        (folder / name).unlink()
        with (folder / name).open("wb") as file:
            file.truncate(size)

    return write


def replaced(name: str, make: Callable[[Path], object]) -> Break:
    def write(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return write


def weights_as(change: Callable[[dict[str, np.ndarray]], object]) -> Break:
    def write(folder: Path) -> None:
        arrays = load((folder / "weights.safetensors").read_bytes())
        change(arrays)
        (folder / "weights.safetensors").write_bytes(save(arrays))

    return write


def bytes_of_weights(data: bytes) -> Break:
    return lambda folder: (folder / "weights.safetensors").write_bytes(data)


def bomb() -> str:
    levels = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(levels) + "\nlayers: *i\n"


HUGE = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 1000000000000}, {Linear: 10}]
"""
HOLE = """\
input: [1, 8, 8]
layers:
  - Flatten
  - Linear: ???
"""
HOURS = """\
input: [1, 8, 8]
layers:
  - {Conv2d: {out_channels: 512, kernel_size: 7, padding: 3}}
  - {repeat: 40, Conv2d: {out_channels: 512, kernel_size: 7, padding: 3}}
  - {Conv2d: {out_channels: 1, kernel_size: 1}}
  - Flatten
  - Linear: 10
"""

VALID_FAILS: dict[str, tuple[Break, str, str]] = {
    "fifo": (replaced("model.yaml", os.mkfifo), "a regular file `model.yaml`", "a pipe"),
    "zero": (
        replaced("model.yaml", lambda path: path.symlink_to("/dev/zero")),
        "a regular file `model.yaml`",
        "a link",
    ),
    "outside": (
        replaced("model.yaml", lambda path: path.symlink_to("../../reference.yaml")),
        "a regular file `model.yaml`",
        "a link",
    ),
    "folder": (replaced("model.yaml", Path.mkdir), "a regular file `model.yaml`", "a folder"),
    "200 MB of YAML": (
        sparse("model.yaml", 200 << 20),
        "`model.yaml` of at most 1,048,576 bytes (the limit of this file)",
        "209,715,200 bytes",
    ),
    "bomb": (model(bomb()), "a model without errors", "an alias counts for all it repeats"),
    "malformed": (model("input: [1, 8, 8\nlayers:"), "a model without errors", "this `[` is not closed"),
    "10^12 parameters": (model(HUGE), "a model without errors", ""),
    "hole": (model(HOLE), "a model without `???`", "1 place to fill: line 4"),
    "binary": (lambda f: (f / "model.yaml").write_bytes(b"\xff\xfe\x00"), "a model without errors", "UTF-8"),
    "brackets": (model("[" * 100_000), "a model without errors", "levels of nesting"),
}

HALF = json.dumps({
    "linear_1.bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    "a\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
}).encode()  # fmt: skip

WEIGHTS_FAIL: dict[str, tuple[Break, str, str]] = {
    "sparse 10 GB": (
        sparse("weights.safetensors", 10 << 30),
        "`weights.safetensors` of at most ",
        "10,737,418,240 bytes",
    ),
    "header of 2^63": (
        bytes_of_weights(struct.pack("<Q", 1 << 63) + b"{}"),
        "the weights of this model",
        "header",
    ),
    "pickle": (bytes_of_weights(b"PK\x03\x04" + b"\0" * 64), "the weights of this model", "never opened"),
    "half a character": (
        bytes_of_weights(struct.pack("<Q", len(HALF)) + HALF + b"\0" * 8),
        "the weights of this model",
        "half of a character",
    ),
    "no bytes": (bytes_of_weights(b""), "the weights of this model", "header"),
    "other shape": (
        weights_as(lambda arrays: arrays.update({"linear_1.bias": np.zeros(11, np.float32)})),
        "the weights of this model",
        "`linear_1.bias`",
    ),
    "other dtype": (
        weights_as(lambda arrays: arrays.update({"linear_1.bias": np.zeros(10, np.float16)})),
        "the weights of this model",
        "F16",
    ),
    "missing": (
        weights_as(lambda arrays: arrays.pop("linear_1.bias")),
        "the weights of this model",
        "no `linear_1.bias`",
    ),
    "extra": (
        weights_as(lambda arrays: arrays.update({"evil": np.zeros(1, np.float32)})),
        "the weights of this model",
        "`evil`",
    ),
    "not a number": (
        weights_as(lambda arrays: arrays["linear_1.bias"].fill(np.nan)),
        "outputs that are finite numbers",
        "for 359 of 359 examples",
    ),
    "infinite": (
        weights_as(lambda arrays: arrays["linear_1.bias"].fill(np.inf)),
        "outputs that are finite numbers",
        "for 359 of 359 examples",
    ),
    "linked": (
        replaced("weights.safetensors", lambda path: path.symlink_to("/etc/passwd")),
        "a regular file `weights.safetensors`",
        "a link",
    ),
}


def check(result: SubmissionResult, name: str) -> CheckResult:
    return next(one for one in result.checks if one.planned.name == name)


def neighbours_are_right(graded: dict[str, SubmissionResult], count: int) -> None:
    """The honest neighbours got the same, whatever stood beside them."""
    assert len(graded) == count + 2
    first, last = graded["aaa"], graded["zzz"]
    assert [c.outcome for c in first.checks] == [c.outcome for c in last.checks]
    outcome = check(first, "clean").outcome
    assert isinstance(outcome, Failed) and 0 < outcome.fraction < 0.3, outcome
    assert first.points is not None and first.points > 0


def test_a_bad_model_fails_alone_with_its_reason(classroom: Classroom, weights: bytes) -> None:
    for name, (damage, _, _) in VALID_FAILS.items():
        damage(classroom.submit(name, weights=weights))
    classroom.submit("aaa", weights=weights)
    classroom.submit("zzz", weights=weights)
    graded = classroom.graded()
    neighbours_are_right(graded, len(VALID_FAILS))
    for name, (_, expected, found) in VALID_FAILS.items():
        valid = check(graded[name], "valid").outcome
        assert isinstance(valid, Failed), (name, valid)
        assert valid.expected == expected and found in valid.found, (name, valid)
        assert check(graded[name], "clean").outcome == Blocked("valid", "it did not pass"), name
        assert graded[name].points == 0


def test_bad_weights_fail_alone_with_their_reason(classroom: Classroom, weights: bytes) -> None:
    for name, (damage, _, _) in WEIGHTS_FAIL.items():
        damage(classroom.submit(name, weights=weights))
    classroom.submit("aaa", weights=weights)
    classroom.submit("zzz", weights=weights)
    graded = classroom.graded()
    neighbours_are_right(graded, len(WEIGHTS_FAIL))
    for name, (_, expected, found) in WEIGHTS_FAIL.items():
        assert check(graded[name], "valid").outcome == Passed()
        clean = check(graded[name], "clean").outcome
        assert isinstance(clean, Failed), (name, clean)
        assert clean.expected.startswith(expected) and found in clean.found, (name, clean)
        assert graded[name].points == 0


def test_what_is_missing_is_named(classroom: Classroom, weights: bytes) -> None:
    classroom.submit("empty", model=None)
    folder = classroom.submit("only a .pt file")
    (folder / "weights.pt").write_bytes(b"PK\x03\x04")
    graded = classroom.graded()
    assert check(graded["empty"], "valid").outcome == Failed("a file `model.yaml` in the folder", "none")
    outcome = check(graded["only a .pt file"], "clean").outcome
    assert outcome == Failed("a file `weights.safetensors` in the folder", "none")


def test_a_convolution_for_hours_fails_before_it_is_built(classroom: Classroom, weights: bytes) -> None:
    classroom.submit("hours", HOURS, weights)
    classroom.submit("aaa", weights=weights)
    classroom.submit("zzz", weights=weights)
    graded = classroom.graded()
    neighbours_are_right(graded, 1)
    outcome = check(graded["hours"], "clean").outcome
    assert isinstance(outcome, Failed)
    assert (
        "the limit of planned cost" in outcome.expected or "the limit of planned memory" in outcome.expected
    )


SLOW = """\
input: [1, 8, 8]
layers:
  - {Conv2d: {out_channels: 256, kernel_size: 7, padding: 3}}
  - {repeat: 12, Conv2d: {out_channels: 256, kernel_size: 7, padding: 3}}
  - Flatten
  - Linear: 10
"""


@pytest.mark.parametrize(
    "limits, limit",
    [
        (Limits(seconds=1, operations=10**15), "within 1 seconds of processor time (the limit of time)"),
        (Limits(wall_seconds=5, operations=10**15), "within 5 seconds (the limit of time)"),
    ],
    ids=["processor time", "the clock"],
)
def test_a_limit_of_time_costs_one_submission(
    classroom: Classroom, weights: bytes, limits: Limits, limit: str
) -> None:
    classroom.submit("slow", SLOW, classroom.weights_of(SLOW))
    classroom.submit("aaa", weights=weights)
    classroom.submit("zzz", weights=weights)
    graded = classroom.graded(limits)
    neighbours_are_right(graded, 1)
    outcome = check(graded["slow"], "clean").outcome
    assert isinstance(outcome, Failed) and limit in outcome.expected, outcome


def test_a_worker_killed_once_is_tried_again(
    classroom: Classroom, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = kill_workers(monkeypatch, times=1)
    classroom.submit("ada", weights=weights)
    result = classroom.graded()["ada"]
    assert killed and not result.broken
    assert isinstance(check(result, "clean").outcome, Failed)


def test_a_worker_killed_twice_is_broken_and_never_zero(
    classroom: Classroom, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("aaa", "victim", "zzz"):
        classroom.submit(name, weights=weights)
    kill_workers(monkeypatch, times=99)
    result = classroom.grade()
    graded = {one.id: one for one in result.submissions}
    neighbours_are_right(graded, 1)
    outcome = check(graded["victim"], "valid").outcome
    assert outcome == Broken("the worker ended by SIGKILL before it answered, twice")
    assert isinstance(check(graded["victim"], "clean").outcome, Broken)
    assert result.broken and graded["victim"].points is None
    assert graded["victim"].to_json()["points"] is None


def kill_workers(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Kills the workers of `victim` and `ada`, as a machine short of memory would."""
    ask, killed = Worker.ask, list[int]()

    def ask_killed(self: Worker, number: int, task: object) -> object:
        if self.folder.name in ("victim", "ada") and len(killed) < times:
            killed.append(self.pid)
            os.kill(self.pid, 9)
        return ask(self, number, task)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "ask", ask_killed)
    return killed


@pytest.mark.parametrize("name", ["Ada, L.", 'say "hi"', "🙂", "=cmd()", "<b>bold", "a" * 255, "-rf", "né"])
def test_any_name_is_a_student(classroom: Classroom, weights: bytes, name: str) -> None:
    name = name[:255]
    classroom.submit(name, weights=weights)
    out = classroom.folder / "out"
    classroom.grade(out=out)
    written = json.loads((out / "results.json").read_text())
    assert [one["id"] for one in written["submissions"]] == [name]
    assert len(list((out / "feedback").iterdir())) == 1


def test_a_results_file_in_a_submission_is_nothing(classroom: Classroom, weights: bytes) -> None:
    folder = classroom.submit("cheat", weights=weights)
    (folder / "results.json").write_text('{"points": 1000}')
    (folder / "test_extra.py").write_text("assert True")
    classroom.submit("honest", weights=weights)
    graded = classroom.graded()
    assert graded["cheat"].points == graded["honest"].points


def test_a_linked_folder_is_refused(classroom: Classroom, weights: bytes) -> None:
    other = classroom.submit("honest", weights=weights)
    (classroom.submissions / "copy").symlink_to(other)
    graded = classroom.graded()
    assert check(graded["copy"], "valid").outcome == Failed(
        "a regular file `model.yaml`", "no folder that it could stand in, or a link to one"
    )

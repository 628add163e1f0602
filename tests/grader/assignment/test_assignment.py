from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import SpecErrors
from grader.assignment.assignment import Assignment, read_assignment

HEAD = """\
assignment: digits
reference: reference.yaml
submission: {model: model.yaml, weights: weights.safetensors}
points: 10
data: {source: Digits}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reference.yaml").write_text("input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\n")
    (tmp_path.parent / "outside.yaml").write_text("input: [1]\nlayers: [ReLU]\n")
    return tmp_path


def read(folder: Path, text: str, *, released: bool = False) -> Assignment:
    path = folder / "assignment.yaml"
    path.write_text(text)
    return read_assignment(path, released=released)


def problems(folder: Path, text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(SpecErrors) as caught:
        read(folder, text)
    return [(error.line, error.column, error.problem) for error in caught.value.errors]


def test_checks_have_names_terms_and_an_order(folder: Path) -> None:
    assignment = read(
        folder,
        HEAD
        + """\
checks:
  - {name: late, accuracy: {zero: 0, full: 1}, points: 4, needs: {early: 0.5}, visibility: hidden}
  - {name: early, accuracy: {zero: 0, full: 1}, points: 6, pass: 0.5, hint: "Train longer."}
  - {name: extra, accuracy: {zero: 0, full: 1}, points: 3, bonus: true, reveal: nothing}
""",
    )
    assert [one.name for one in assignment.checks] == ["valid", "late", "early", "extra"]
    order = [one.name for one in assignment.order]
    assert order[0] == "valid" and order.index("early") < order.index("late")
    late, early, extra = assignment.checks[1:]
    assert (late.reveal, late.needs, late.visibility) == ("direction", {"early": 0.5}, "hidden")
    assert (early.reveal, early.passing, early.hint) == ("expected", 0.5, "Train longer.")
    assert (extra.reveal, extra.bonus) == ("nothing", True)
    assert assignment.title == "digits" and assignment.points == 10


def test_valid_may_stand_in_the_list_alone(folder: Path) -> None:
    assignment = read(
        folder, HEAD.replace("10", "1") + "checks: [{valid: {}, points: 1}, valid]\n".replace(", valid]", "]")
    )
    assert [(one.name, one.points) for one in assignment.checks] == [("valid", 1.0)]


WRONG: dict[str, tuple[str, list[tuple[int, int, str]]]] = {
    "no such check": (
        HEAD + "checks:\n  - {accuracies: {zero: 0, full: 1}, points: 10}\n",
        [(7, 6, "there is no check `accuracies`")],
    ),
    "later": (
        HEAD + "checks:\n  - {kernels: {zero: 0, full: 1}, points: 10}\n",
        [(7, 6, "the check `kernels` is not available yet")],
    ),
    "two types": (
        HEAD + "checks:\n  - {valid: {}, accuracy: {zero: 0, full: 1}, points: 10}\n",
        [(7, 17, "a check has one type, found `valid` and `accuracy`")],
    ),
    "no type": (HEAD + "checks:\n  - {points: 10}\n", [(7, 5, "a check needs its type")]),
    "unknown key": (
        HEAD + "checks:\n  - {valid: {}, point: 10}\n",
        [(7, 17, "a check has no key `point`")],
    ),
    "sum": (
        HEAD + "checks:\n  - {valid: {}, points: 9}\n",
        [(4, 9, "`points` is 10, and the checks' points sum to 9")],
    ),
    "same name": (
        HEAD + "checks:\n  - {name: a, valid: {}, points: 5}\n  - {name: a, valid: {}, points: 5}\n",
        [(8, 5, "two checks are called `a`")],
    ),
    "needs a stranger": (
        HEAD + "checks:\n  - {name: a, valid: {}, points: 10, needs: b}\n",
        [(7, 5, "`a` needs `b`, and there is no such check")],
    ),
    "circle": (
        HEAD
        + "checks:\n  - {name: a, accuracy: {zero: 0, full: 1}, points: 5, needs: b}\n"
        + "  - {name: b, accuracy: {zero: 0, full: 1}, points: 5, needs: a}\n",
        [(7, 5, "checks need each other in a circle: a → b → a")],
    ),
    "several at once, each at its place": (
        HEAD.replace("reference.yaml", "../outside.yaml").replace("points: 10", "due: tomorrow\npoints: ten")
        + "checks:\n  - {valid: {}, points: -1}\n  - 7\n",
        [
            (4, 1, "the field `due` of `an assignment` is not available yet"),
            (5, 9, 'expected a real number above 0, found the text "ten"'),
            (8, 25, "expected a real number of at least 0, found -1"),
            (9, 5, "expected a check, found 7"),
        ],
    ),
    "reference outside": (
        HEAD.replace("reference.yaml", "../outside.yaml") + "checks:\n  - {valid: {}, points: 10}\n",
        [(2, 12, "`../outside.yaml` leaves the assignment's folder")],
    ),
    "no reference file": (
        HEAD.replace("reference.yaml", "solution.yaml") + "checks:\n  - {valid: {}, points: 10}\n",
        [(2, 12, "there is no file `solution.yaml` in the assignment's folder")],
    ),
    "a file that is not handed in": (
        HEAD.replace(", weights: weights.safetensors", "")
        + "checks:\n  - {accuracy: {zero: 0, full: 1}, points: 10}\n",
        [(7, 5, "`accuracy` reads the student's weights, and `submission` names no such file")],
    ),
    "no data": (
        HEAD.replace("data: {source: Digits}\n", "")
        + "checks:\n  - {accuracy: {zero: 0, full: 1}, points: 10}\n",
        [(6, 5, "`accuracy` is judged on data, and the assignment has none")],
    ),
    "data that is not there": (
        HEAD.replace("Digits", "{NPZ: {path: hidden.npz}}") + "checks:\n  - {valid: {}, points: 10}\n",
        [],
    ),
    "a hole": (
        HEAD.replace("digits", "???") + "checks:\n  - {valid: {}, points: 10}\n",
        [(1, 13, "an assignment has no places to fill")],
    ),
    "no checks": (HEAD, [(1, 1, "expected `checks`, a list of at least one check, found nothing")]),
    "a model": (
        "input: [1]\nlayers: [ReLU]\n",
        [(1, 1, "this is no assignment: it has no key `assignment`")],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_error_is_at_its_place(folder: Path, name: str) -> None:
    text, expected = WRONG[name]
    found = problems(folder, text)
    if expected:
        assert found == expected
    else:
        assert [line for line, _, _ in found] == [5]


def test_a_released_assignment_needs_neither_reference_nor_data(folder: Path) -> None:
    text = "assignment: a\npoints: 1\nsubmission: {weights: w}\nchecks: [{accuracy: {zero: 0, full: 1}, points: 1}]\n"
    assert read(folder, text, released=True).checks[1].name == "accuracy"
    assert len(problems(folder, text)) == 1

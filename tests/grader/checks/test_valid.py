from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder import loads
from grader import Failed, Passed
from grader.check import Brief, Subject
from grader.checks.valid import outline_of, valid
from grader.exchange import Allow, Findings, Task
from grader.outcome import Outcome, Refusal
from grader.outline import Outline
from grader.submission.submission import Submission

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom


def judged(folder: Path, text: str, allow: Allow = Allow()) -> Outcome:  # noqa: B008  (frozen)
    (folder / "model.yaml").write_text(text)
    submission = Submission(folder, {"model": "model.yaml"}, arrays_limit=1 << 20)
    found = valid().work(Task(), submission)
    subject = Subject(outline_of(found), frozenset({"model"}))
    return valid().judge(Brief(folder, allow=allow), subject, found, Findings())


MODEL = "input: [1, 8, 8]\nlayers: [Flatten, {Linear: $(2 * 5)}, Tanh, {Linear: 10}]\n"


def test_a_right_model_passes(tmp_path: Path) -> None:
    assert judged(tmp_path, MODEL) == Passed()


def test_all_errors_are_shown_as_validate_shows_them(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "input: [1, 8, 8]\nlayers:\n  - Flaten\n  - Linear: ten\n")
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    lines = outcome.found.splitlines()
    assert lines[0] == "2 errors:" and len(lines) == 3
    assert lines[1].startswith("model.yaml:3:5: ") and "`Flatten`" in lines[1]
    assert lines[2].startswith("model.yaml:4:13: ")


def test_the_submissions_own_data_and_train_count_for_nothing(tmp_path: Path) -> None:
    own = "data: {source: {NPZ: {path: at-home.npz}}}\ntrain: {loss: NoSuchLoss}\n"
    assert judged(tmp_path, MODEL + own) == Passed()
    both = judged(tmp_path, MODEL.replace("Tanh", "Than") + own)
    assert isinstance(both, Failed) and both.found.startswith("1 error:") and "Than" in both.found


@pytest.mark.parametrize(
    "allow, expected, found",
    [
        (Allow(("Flatten", "Linear")), "only the layer types `Flatten`, `Linear`", "1 × `Tanh`"),
        (Allow(literal_numbers=5), "at most 5 numbers in the text of the model", "6"),
    ],
)
def test_what_is_not_allowed_fails(tmp_path: Path, allow: Allow, expected: str, found: str) -> None:
    outcome = judged(tmp_path, MODEL, allow)
    assert isinstance(outcome, Failed) and outcome.direction
    assert (outcome.expected, outcome.found) == (expected, found)


def test_what_is_just_allowed_passes(tmp_path: Path) -> None:
    assert judged(tmp_path, MODEL, Allow(("Flatten", "Linear", "Tanh"), 6)) == Passed()


def test_numbers_hidden_in_aliases_are_counted(tmp_path: Path) -> None:
    text = "input: [4]\nlayers: [&a {Linear: 10}, *a, *a, *a, *a, *a]\n"
    assert isinstance(judged(tmp_path, text, Allow(literal_numbers=6)), Failed)


def test_an_outline_survives_its_journey() -> None:
    spec = loads(MODEL + "\n")
    outline = Outline.of(spec.graph)
    assert Outline.from_json(outline.to_json()) == outline
    assert outline.parameters == spec.graph.parameters
    assert list(outline.state) == list(spec.graph.state)
    linear = outline.layer("linear_2")
    assert linear is not None and linear.arrives[0].shape == (10,)
    assert linear.component() == spec.graph.by_name["linear_2"].layer


def test_errors_of_a_model_block_what_reads_it(classroom: Classroom, weights: bytes) -> None:
    classroom.submit("ada", "layers: []", weights)
    assert [type(c.outcome).__name__ for c in classroom.graded()["ada"].checks] == ["Failed", "Blocked"]


def test_holes_in_the_submissions_own_data_and_train_count_for_nothing(tmp_path: Path) -> None:
    own = "data: {source: ???, batch_size: ???}\ntrain: {loss: ???, ???: 3}\n"
    assert judged(tmp_path, MODEL + own) == Passed()
    outcome = judged(tmp_path, MODEL.replace("10}", "???}") + own)
    assert outcome == Failed("a model without `???`", "1 place to fill: line 2")
    two = judged(tmp_path, MODEL.replace("10}", "???}").replace("Tanh", "???") + own)
    assert outcome != two == Failed("a model without `???`", "2 places to fill: line 2")


def test_a_hole_in_train_that_the_layers_repeat_counts(tmp_path: Path) -> None:
    text = "train: {epochs: &n ???}\ninput: [4]\nlayers: [{Linear: *n}]\n"
    outcome = judged(tmp_path, text)
    assert isinstance(outcome, Failed) and "to fill: line 1" in outcome.found


def test_only_the_numbers_of_the_network_count(tmp_path: Path) -> None:
    own = "train: {loss: CrossEntropyLoss, epochs: 30}\nexpect: {linear_2: [10]}\n"
    assert judged(tmp_path, MODEL + own, Allow(literal_numbers=6)) == Passed()


CELL = """\
input: [T, 3]
cells: {LSTM: {states: [h], update: {h: tanh(W @ x + U @ h_prev)}}}
layers: [{LSTM: {hidden_size: 4, output: last}}]
"""


def test_a_cell_of_ones_own_is_allowed_whatever_it_is_called(tmp_path: Path) -> None:
    allow = Allow(layers=("Linear",))
    assert judged(tmp_path, CELL, allow) == Passed()
    torchs = judged(tmp_path, "input: [T, 3]\nlayers: [{LSTM: 4}]\n", allow)
    assert isinstance(torchs, Failed) and torchs.found == "1 × `LSTM`"


def test_a_shipped_cell_is_allowed_by_name_alone(tmp_path: Path) -> None:
    shipped = "input: [T, 3]\nlayers: [{MGU: 4}]\n"
    refused = judged(tmp_path, shipped, Allow(layers=("Linear",)))
    assert isinstance(refused, Failed) and refused.found == "1 × `MGU`"
    assert judged(tmp_path, shipped, Allow(layers=("Linear", "MGU"))) == Passed()


def test_a_cell_of_very_many_equations_is_over_a_limit(tmp_path: Path) -> None:
    gates = ", ".join(f"g{i}: tanh(W @ x)" for i in range(64))
    total = " + ".join(f"g{i}" for i in range(64))
    cell = f"{{states: [h], gates: {{{gates}}}, update: {{h: {total}}}}}"
    text = f"input: [T, 3]\ncells: {{M: {cell}}}\nlayers: [{{M: 4}}]\n"
    with pytest.raises(Refusal, match=r"at most 64 equations in a cell .*, found 65 in `M`"):
        judged(tmp_path, text)

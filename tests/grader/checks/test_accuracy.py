from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.metrics import accuracy_score

from builder import loads
from builder.data.info import Target
from builder.shapes import TensorType
from builder.training.metrics.metric import metrics
from grader import Failed, Passed
from grader.check import Brief, Subject
from grader.checks.accuracy import accuracy, wilson
from grader.exchange import Examples, Findings, Role, Task
from grader.outcome import Outcome, Refusal
from grader.outline import Outline
from grader.submission.submission import Submission

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

LABELS = np.arange(1000) % 10


def judged(check: accuracy, outputs: np.ndarray, labels: np.ndarray = LABELS) -> Outcome:
    classes = 10 if labels.dtype.kind == "i" else None
    examples = Examples(np.zeros((len(labels), 1), np.float32), labels, Target(classes))
    found = Findings(arrays={"outputs": outputs.astype(np.float32)})
    return check.judge(Brief(Path(), examples=examples), Subject(None), found, Findings())


def outputs_with(right: int) -> np.ndarray:
    """Logits of which exactly so many are right."""
    said = np.where(np.arange(1000) < right, LABELS, (LABELS + 1) % 10)
    return np.eye(10)[said] * 3 - 1


@pytest.mark.parametrize(
    "zero, full, right, fraction",
    [(0.8, 0.95, 934, 0.134 / 0.15), (0.8, 0.95, 800, 0), (0.8, 0.95, 500, 0), (0.0, 1.0, 250, 0.25)],
)
def test_credit_is_a_straight_line(zero: float, full: float, right: int, fraction: float) -> None:
    outcome = judged(accuracy(zero=zero, full=full), outputs_with(right))
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(fraction, abs=1e-12)
    assert outcome.expected == f"accuracy of at least {full:g}" and outcome.direction == "accuracy is too low"
    assert outcome.found.startswith(f"{right} of 1,000 = ")


def test_full_is_enough() -> None:
    outcome = judged(accuracy(zero=0.8, full=0.97), outputs_with(970))
    assert outcome == Passed(
        "970 of 1,000 = 0.97 (95 % interval 0.957 to 0.979; luck alone may cross `full`)"
    )


def test_where_less_is_better() -> None:
    check = accuracy(metric=metrics["rmse"](), zero=2.0, full=0.5)
    labels = np.zeros((1000, 1), np.float32)
    outcome = judged(check, np.full((1000, 1), 1.0), labels)
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(1 / 1.5)
    assert outcome.direction == "rmse is too high"
    assert isinstance(judged(check, np.full((1000, 1), 0.5), labels), Passed)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_output_that_is_no_number_is_no_pass(value: float) -> None:
    outputs = outputs_with(1000)
    outputs[17, 3] = value
    outcome = judged(accuracy(zero=0.0, full=0.5), outputs)
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    assert outcome.found == "not-a-number or infinity for 1 of 1,000 examples"


def test_wilsons_interval_is_wilsons() -> None:
    """Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20."""
    for right, count, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
    ]:
        assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_predictions_are_those_of_the_network_by_hand(classroom: Classroom, weights: bytes) -> None:
    """The same figure as torch and scikit-learn give, on the same split."""
    import torch
    from safetensors.torch import load

    from builder import loads
    from builder.runtime.data.splits import load_arrays
    from builder.runtime.network.module import build
    from grader.assignment.assignment import read_assignment

    assignment = read_assignment(classroom.assignment)
    assert assignment.data is not None
    x, y, _ = load_arrays(assignment.data, classroom.folder, "test")
    network = build(loads(classroom.model)).eval()
    network.load_state_dict(load(weights))
    with torch.inference_mode():
        value = accuracy_score(y, network(torch.from_numpy(x)).argmax(1).numpy())
    classroom.submit("ada", weights=weights)
    outcome = classroom.graded()["ada"].checks[1].outcome
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(value)


STANDARDIZED = "data: {source: Digits, preprocess: [Standardize], split: {train: 0.8, test: 0.2}}"


def test_what_standardize_learned_comes_with_the_weights(classroom: Classroom, weights: bytes) -> None:
    from safetensors.torch import load, save

    text = classroom.assignment.read_text()
    plain = "data: {source: Digits, split: {train: 0.8, test: 0.2}}"
    assert plain in text
    classroom.assignment.write_text(text.replace(plain, STANDARDIZED))
    learned = '{"geometry": [], "scale": [4.0], "shift": [-1.0], "fitted": ["Standardize"], "classes": []}'
    classroom.submit("with", weights=save(load(weights), {"preprocessing": learned}))
    classroom.submit("without", weights=weights)
    classroom.submit("wrong", weights=save(load(weights), {"preprocessing": '{"scale": [null]}'}))
    graded = classroom.graded()
    assert "accuracy" in str(graded["with"].checks[1].outcome)
    for name, found in (("without", "weights without it"), ("wrong", "not what `train` writes")):
        outcome = graded[name].checks[1].outcome
        assert isinstance(outcome, Failed) and found in outcome.found, outcome


@pytest.mark.parametrize(
    "model, expected",
    [
        (
            "input: [1, 9, 9]\nlayers: [Flatten, {Linear: 10}]\n",
            "an input of N×1×8×8, as the assignment's data gives",
        ),
        ("input: [1, 8, 8]\nlayers: [{Linear: 10}]\n", "an output of one value per class"),
    ],
    ids=["input", "output"],
)
def test_a_network_for_other_data_fails_with_that_said(
    classroom: Classroom, model: str, expected: str
) -> None:
    classroom.submit("ada", model, classroom.weights_of(model))
    outcome = classroom.graded()["ada"].checks[1].outcome
    assert isinstance(outcome, Failed) and outcome.expected == expected


@pytest.mark.parametrize(
    ("scale", "expected"),
    [([10**400], "the preprocessing that `train` writes"), ([1.0] * 4, "1 values of scale")],
)
def test_crafted_preprocessing_is_refused(tmp_path: Path, scale: list[float], expected: str) -> None:
    model = "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\n"
    (tmp_path / "model.yaml").write_text(model)
    carried = {"geometry": [], "scale": scale, "shift": [0.0] * len(scale), "fitted": [], "classes": []}
    arrays = {"linear_1.weight": np.zeros((10, 64), np.float32), "linear_1.bias": np.zeros(10, np.float32)}
    save_file(arrays, tmp_path / "w.safetensors", {"preprocessing": json.dumps(carried)})
    names: dict[Role, str] = {"model": "model.yaml", "weights": "w.safetensors"}
    submission = Submission(tmp_path, names, arrays_limit=1 << 20)
    inputs = {"inputs": np.zeros((2, 1, 8, 8), np.float32)}
    said = {
        "batch": 2,
        "affine": ["Standardize"],
        "preprocessing": None,
        "forecast": False,
        "per_step": False,
    }
    task = Task(said, inputs)
    with pytest.raises(Refusal, match=expected):
        accuracy(zero=0, full=1).work(task, submission)


@pytest.mark.parametrize("count", [0, 2])
def test_other_numbers_of_inputs_fail(count: int) -> None:
    outline = Outline.of(loads("input: [3]\nlayers: [{Linear: 2}]\n").graph)
    inputs = {f"x{place}": TensorType((3,)) for place in range(count)}
    examples = Examples(np.zeros((4, 3), np.float32), np.zeros(4, np.int64), Target(2))
    subject = Subject(replace(outline, inputs=inputs))
    outcome = accuracy(zero=0, full=1).prepare(Brief(Path(), examples=examples), subject)
    assert outcome == Failed("one input and one output", f"{count} and 1")

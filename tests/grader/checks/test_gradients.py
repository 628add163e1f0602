"""gradients: of the network, and the student's own, held against NumPy's by hand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from grader.checks.gradients import gradients
from grader.exchange import Task
from grader.gradients.given_files import Given
from grader.outcome import Failed, Outcome, Passed
from grader.submission.submission import Submission

REFERENCE = "input: [3]\nlayers: [{Linear: 4}, Tanh, {Linear: 2}]\n"
SUBMITTED = "gradients: {of: submitted, given: {input: x.npz, weights: w.safetensors, target: y.npz}}"
Judge = Callable[..., Outcome]
Arrays = dict[str, np.ndarray[Any, Any]]

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(5, 3))
Y = RANDOM.normal(size=(5, 2))
WEIGHTS: Arrays = {
    "linear_1.weight": RANDOM.normal(size=(4, 3)),
    "linear_1.bias": RANDOM.normal(size=4),
    "linear_2.weight": RANDOM.normal(size=(2, 4)),
    "linear_2.bias": RANDOM.normal(size=2),
}


def by_hand(*, derivative: bool = True, mean: bool = True) -> Arrays:
    """Backpropagation of the mean squared error through tanh, written out."""
    hidden = np.tanh(X @ WEIGHTS["linear_1.weight"].T + WEIGHTS["linear_1.bias"])
    output = hidden @ WEIGHTS["linear_2.weight"].T + WEIGHTS["linear_2.bias"]
    d_output = 2 * (output - Y) / (Y.size if mean else Y.shape[1])
    d_hidden = d_output @ WEIGHTS["linear_2.weight"]
    d_before = d_hidden * (1 - hidden**2) if derivative else d_hidden
    return {
        "linear_1.weight": d_before.T @ X,
        "linear_1.bias": d_before.sum(0),
        "linear_2.weight": d_output.T @ hidden,
        "linear_2.bias": d_output.sum(0),
        "input": d_before @ WEIGHTS["linear_1.weight"],
    }


def npz(**arrays: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.fixture
def submitted(judge: Judge) -> Callable[[Arrays], Outcome]:
    ours = {"x.npz": npz(input=X), "y.npz": npz(target=Y), "w.safetensors": save(WEIGHTS)}

    def run(arrays: Arrays) -> Outcome:
        data = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        return judge(
            SUBMITTED, REFERENCE, loss="MSELoss", ours=ours, files={"gradients.safetensors": save(data)}
        )

    return run


def test_the_hand_is_right(submitted: Callable[[Arrays], Outcome]) -> None:
    assert isinstance(submitted(by_hand()), Passed)
    single = {name: array.astype(np.float32) for name, array in by_hand().items() if name != "input"}
    assert isinstance(submitted(single), Passed)


@pytest.mark.parametrize(
    ("slip", "change", "told"),
    [
        ("sign", lambda a: -a, "the sign is wrong."),
        ("transposed", lambda a: a.T, "it is transposed."),
        ("zeros", lambda a: 0 * a, "it is all zeros."),
        ("half", lambda a: a / 2, "it is half of what it should be: the derivative of x² is 2x."),
        ("batch", lambda a: a / 5, "it is divided by the number of examples once too often."),
        ("flat", lambda a: a.ravel(), "it has the right number of values in another shape."),
        ("nan", lambda a: a * np.nan, "not every value is a finite number"),
    ],
)
def test_the_commonest_slips_have_names(
    submitted: Callable[[Arrays], Outcome],
    slip: str,
    change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
    told: str,
) -> None:
    arrays = by_hand()
    arrays["linear_1.weight"] = change(arrays["linear_1.weight"])
    outcome = submitted(arrays)
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(4 / 5)
    assert outcome.hint is not None and outcome.hint.startswith(f"`linear_1.weight`: {told}")


def test_a_sum_over_the_batch_is_told_once_for_all(submitted: Callable[[Arrays], Outcome]) -> None:
    outcome = submitted(by_hand(mean=False))
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    assert outcome.hint is not None and "`linear_1.weight`, `linear_1.bias`" in outcome.hint
    assert outcome.hint.endswith("it is summed, not averaged, over the batch.")


def test_a_forgotten_derivative_is_found(submitted: Callable[[Arrays], Outcome]) -> None:
    outcome = submitted(by_hand(derivative=False))
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(2 / 5)  # the second layer's are right
    assert outcome.hint is not None and outcome.hint.endswith("the derivative of `tanh_1` is missing.")


def test_the_first_wrong_entry_is_shown(submitted: Callable[[Arrays], Outcome]) -> None:
    arrays = by_hand()
    right = arrays["linear_2.weight"][1, 2]
    arrays["linear_2.weight"][1, 2] = 7.0
    outcome = submitted(arrays)
    assert isinstance(outcome, Failed)
    assert outcome.expected == f"linear_2.weight[1, 2] = {right:.6g}"
    assert outcome.found.startswith("linear_2.weight[1, 2] = 7 (relative error ")


def test_an_array_that_is_not_there_is_wrong(submitted: Callable[[Arrays], Outcome]) -> None:
    arrays = by_hand()
    arrays["linear1.bias"] = arrays.pop("linear_1.bias")
    del arrays["input"]
    outcome = submitted(arrays)
    assert isinstance(outcome, Failed)
    assert (outcome.fraction, outcome.expected, outcome.found) == (
        pytest.approx(3 / 4),
        "linear_1.bias: an array of shape [4]",
        "no `linear_1.bias`",
    )
    assert outcome.hint == "The file also has `linear1.bias`: is a name misspelt?"


def test_a_file_without_any_wanted_array_says_how_to_write_it(submitted: Callable[[Arrays], Outcome]) -> None:
    outcome = submitted({"w1": np.zeros((4, 3))})
    assert isinstance(outcome, Failed)
    assert (
        outcome.expected
        == "an array for each parameter in `gradients.safetensors`, such as `linear_1.weight`"
    )
    assert outcome.hint is not None and "save_file" in outcome.hint


def test_the_networks_own_are_held_against_differences(judge: Judge) -> None:
    outcome = judge("gradients: {numerical: 4, inputs: {count: 3}}", REFERENCE, REFERENCE)
    assert isinstance(outcome, Passed)


def test_the_worst_parameter_is_named(judge: Judge) -> None:
    outcome = judge("gradients: {}", REFERENCE, REFERENCE.replace("Tanh", "ReLU"))
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(1 / 5)  # the last bias sees nothing of it
    assert outcome.found.startswith("`linear_") and "4 of 5 are wrong" in outcome.found


def test_a_frozen_layer_has_no_gradient(judge: Judge) -> None:
    frozen = REFERENCE.replace("{Linear: 4}", "{Linear: 4, freeze: true}")
    outcome = judge("gradients: {}", REFERENCE, frozen)
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(3 / 5)
    assert isinstance(judge("gradients: {}", frozen, frozen), Passed)


def test_a_class_hands_in_its_own(classroom: Any) -> None:
    """The whole way: the loss is the assignment's, and nobody needs a model."""
    classroom.write(
        "assignment: backwards\nreference: reference.yaml\npoints: 10\n"
        "submission: {model: model.yaml, gradients: g.safetensors}\n"
        "train: {loss: MSELoss, optimizer: SGD, epochs: 1}\n"
        f"checks:\n  - {{{SUBMITTED}, points: 10}}\n",
        REFERENCE,
    )
    for name, data in {"x.npz": npz(input=X), "y.npz": npz(target=Y), "w.safetensors": save(WEIGHTS)}.items():
        (classroom.folder / name).write_bytes(data)
    slipped = by_hand() | {"linear_2.bias": -by_hand()["linear_2.bias"]}
    for student, arrays in {"ada": by_hand(), "bob": slipped, "eve": None}.items():
        folder = classroom.submit(student, None)
        if arrays is not None:
            data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
            (folder / "g.safetensors").write_bytes(data)
    found = {name: one.checks[-1] for name, one in classroom.graded().items()}
    assert {name: float(one.points) for name, one in found.items()} == {"ada": 10, "bob": 8, "eve": 0}
    outcome = found["bob"].outcome
    assert isinstance(outcome, Failed) and outcome.hint == "`linear_2.bias`: the sign is wrong."


def test_junk_beside_the_gradients_is_only_named(submitted: Callable[[Arrays], Outcome]) -> None:
    junk = np.zeros(1 << 20, np.int8)
    handed_in = by_hand() | {"input.evil": junk, "input.2": junk}
    assert isinstance(submitted(handed_in), Passed)
    outcome = submitted(by_hand() | {"input": junk})
    assert isinstance(outcome, Failed) and outcome.fraction == 4 / 5
    assert (outcome.expected, outcome.found) == ("input: an array of shape [5, 3]", "input: shape [1048576]")


def test_what_is_widened_is_no_more_than_the_references(tmp_path: Path) -> None:
    junk = np.zeros(1 << 20, np.int8)
    (tmp_path / "gradients.safetensors").write_bytes(save({"input": junk, "w": junk, "input.evil": junk}))
    check = gradients(of="submitted", given=Given(input="x.npz", weights="w", target="y.npz"))
    submission = Submission(tmp_path, {"gradients": "gradients.safetensors"}, arrays_limit=1 << 24)
    found = check.work(Task({"expected": {"w": [4, 3], "input": [5, 3]}}), submission)
    assert found.arrays == {}
    assert found.data == {"others": ["input.evil"], "shapes": {"input": [1 << 20], "w": [1 << 20]}}

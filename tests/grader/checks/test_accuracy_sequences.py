"""accuracy on sequences: the figure is that of `gradspec evaluate`, whatever is padded, scaled or per step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.metrics import accuracy_score, root_mean_squared_error

from builder import loads
from builder.files.data import read_data
from builder.files.run_folder import WEIGHTS
from builder.runtime import Run, build, evaluate, predict
from builder.runtime.data.splits import load_arrays, load_splits
from builder.runtime.runs.run import save_weights, write_spec
from builder.runtime.training.loop import Loop
from builder.training.metrics.metric import metrics
from grader import grade
from grader.assignment.assignment import read_assignment
from grader.check import Brief, Subject
from grader.checks.accuracy import accuracy
from grader.exchange import Examples, Findings, Role, Task
from grader.marking.reference import load_examples
from grader.outcome import Failed, Outcome, Passed, Refusal
from grader.outline import Outline
from grader.submission.limits import Limits
from grader.submission.submission import Submission
from grader.worker.pool import Server

NAMES: dict[Role, str] = {"model": "spec.yaml", "weights": "weights.safetensors"}
SPLIT = "split: {train: 0.6, test: 0.4}"
ASSIGNMENT = """\
assignment: sequences
submission: {model: spec.yaml, weights: weights.safetensors}
points: 1
data: DATA
checks: [{accuracy: {metric: METRIC, zero: ZERO, full: FULL}, points: 1}]
"""
TRAIN = "optimizer: {Adam: {lr: 1e-2}}, epochs: 1, device: cpu, threads: 1"
ADDING = f"{{source: {{AddingProblem: {{length: 9, examples: 60}}}}, {SPLIT}}}"
COPYING = f"{{source: {{CopyMemory: {{length: 3, examples: 60}}}}, {SPLIT}}}"
TAGGING = f"{{source: {{Tokens: {{path: tagged.tsv}}}}, {SPLIT}}}"
WRITING = f"{{source: {{Text: {{path: novel.txt, length: 20}}}}, {SPLIT}}}"
SUNSPOTS = "{TimeSeries: {shipped: sunspots, window: 11, horizon: 2}}"
SERIES = f"{{source: {SUNSPOTS}, preprocess: [Standardize], {SPLIT}}}"
WAVES = f"{{source: {{SineWaves: {{length: 12, examples: 30}}}}, preprocess: [Standardize], {SPLIT}}}"
TOKENS = "input: {shape: [T], vocabulary: $vocabulary}\n"
TAGGER = (
    TOKENS + "layers: [{Embedding: 6}, {LSTM: {hidden_size: 5, bidirectional: true}}, {Linear: $classes}]\n"
)
WRITER = TOKENS + "layers: [{Embedding: 6}, {GRU: 8}, {Linear: $classes}]\n"
SUMMER = "input: [T, 2]\nlayers: [{MGU: {hidden_size: 6, output: last}}, {Linear: 1}]\n"
FORECASTER = "input: [T, 1]\nlayers: [{GRU: {hidden_size: 6, output: last}}, {Linear: 2}]\n"
FOLLOWER = "input: [T, 1]\nlayers: [{VanillaLSTM: 6}, {Linear: 1}]\n"
CASES = {
    "AddingProblem": (SUMMER, ADDING, "rmse"),
    "CopyMemory": (WRITER, COPYING, "accuracy"),
    "Tokens": (TAGGER, TAGGING, "accuracy"),
    "Text": (WRITER, WRITING, "perplexity"),
    "TimeSeries": (FORECASTER, SERIES, "rmse"),
    "SineWaves": (FOLLOWER, WAVES, "mae"),
}


@dataclass
class Course:
    """Where an assignment and its data lie, and the runs of students."""

    folder: Path

    def train(self, model: str, data: str, metric: str) -> Run:
        """A run of one epoch, without its ONNX file."""
        loss = "MSELoss" if metric in ("rmse", "mae") else "CrossEntropyLoss"
        section = f"train: {{loss: {loss}, metrics: [{metric}], {TRAIN}}}\n"
        spec = loads(f"{model}data: {data}\n{section}", folder=self.folder)
        assert spec.data is not None and spec.train is not None
        splits, network, out = load_splits(spec.data, self.folder), build(spec), self.folder / "run"
        Loop(network, spec.train, splits, torch.device("cpu")).run_epoch(None)
        out.mkdir()
        write_spec(out, spec)
        save_weights(network, out / WEIGHTS, splits.preprocessing)
        return Run(out, spec, network.eval(), splits.preprocessing, (), {})

    def examples(self, data: str, metric: str) -> Examples:
        """The unseen examples, as an assignment's."""
        zero, full = (0, 1) if metrics[metric].better == "higher" else (1, 0)
        text = ASSIGNMENT.replace("DATA", data).replace("METRIC", metric)
        file = self.folder / "assignment.yaml"
        file.write_text(text.replace("ZERO", str(zero)).replace("FULL", str(full)))
        found = load_examples(read_assignment(file))
        assert found is not None
        return found


@pytest.fixture
def course(tmp_path: Path) -> Course:
    sentences = read_data(tmp_path, None, "oanc.tsv").split("\n\n")
    known = [sentence for sentence in sentences[:80] if "\tX" not in sentence]  # a rare tag
    (tmp_path / "tagged.tsv").write_text("\n\n".join(known), encoding="utf-8")
    novel = read_data(tmp_path, None, "tom_sawyer.txt")
    (tmp_path / "novel.txt").write_text(novel[:1500], encoding="utf-8")
    return Course(tmp_path)


def outline(run: Run) -> Outline:
    return Outline.of(run.spec.graph, run.spec)


def task_of(check: accuracy, examples: Examples, subject: Subject) -> Task:
    task = check.prepare(Brief(Path(), examples=examples), subject)
    assert isinstance(task, Task), task
    return Task(json.loads(json.dumps(task.parameters)), task.arrays, task.operations, task.values)


def outputs(check: accuracy, examples: Examples, run: Run) -> np.ndarray[Any, Any]:
    task = task_of(check, examples, Subject(outline(run)))
    return check.work(task, Submission(run.folder, NAMES, arrays_limit=1 << 24)).arrays["outputs"]


def judged(check: accuracy, examples: Examples, found: np.ndarray[Any, Any]) -> Outcome:
    brief = Brief(Path(), examples=examples)
    return check.judge(brief, Subject(None), Findings(arrays={"outputs": found}), Findings())


def check_of(metric: str, *bounds: float) -> accuracy:
    higher = metrics[metric].better == "higher"
    zero, full = bounds or ((0.0, 1.0) if higher else (1000.0, 0.0))
    return accuracy(metric=metrics[metric](), zero=zero, full=full)


def refused(course: Course, model: str, data: str, metric: str = "accuracy") -> Failed:
    """What is said of a network that the data does not fit, before anything is computed."""
    graph = loads(model).graph
    brief = Brief(Path(), examples=course.examples(data, metric))
    outcome = check_of(metric).prepare(brief, Subject(Outline.of(graph)))
    assert isinstance(outcome, Failed), outcome
    return outcome


@pytest.mark.parametrize("case", CASES)
def test_the_figure_is_that_of_evaluate(course: Course, case: str) -> None:
    model, data, metric = CASES[case]
    run, check = course.train(model, data, metric), check_of(metric)
    examples = course.examples(data, metric)
    found = outputs(check, examples, run)
    value = check.metric.of(found, examples.targets)
    assert value == pytest.approx(evaluate(run)[f"test_{metric}"], rel=1e-5)
    outcome = judged(check, examples, found)
    assert isinstance(outcome, Failed)
    credit = value if metric == "accuracy" else (1000 - value) / 1000
    assert outcome.fraction == pytest.approx(credit) and f"{value:.4g}" in outcome.found


def test_a_class_is_graded_on_sentences(course: Course, server: Server) -> None:
    """In a worker, as here, and as at home."""
    run, check = course.train(TAGGER, TAGGING, "accuracy"), check_of("accuracy")
    examples = course.examples(TAGGING, "accuracy")
    submissions = course.folder / "submissions"
    submissions.mkdir()
    shutil.copytree(run.folder, submissions / "ada")
    (graded,) = grade(course.folder / "assignment.yaml", submissions, server=server).submissions
    outcome = graded.checks[-1].outcome
    assert isinstance(outcome, Failed) and f"of {len(examples.targets)} steps" in outcome.found
    assert outcome == judged(check, examples, outputs(check, examples, run))
    assert outcome.fraction == pytest.approx(evaluate(run)["test_accuracy"])


def test_a_forecast_is_judged_in_the_units_of_its_table(course: Course) -> None:
    """scikit-learn's figure of what `predict` says about the table's own values."""
    run = course.train(FORECASTER, SERIES, "rmse")
    assert run.spec.data is not None
    x, y, lengths = load_arrays(run.spec.data, course.folder, "test")
    assert lengths is None and y.max() > 100  # sunspots, not standard deviations
    predicted = predict(run, x)
    assert isinstance(predicted, np.ndarray)
    examples, check = course.examples(SERIES, "rmse"), check_of("rmse")
    found = outputs(check, examples, run)
    np.testing.assert_allclose(found, predicted, rtol=1e-5)
    theirs = ((y - predicted) ** 2).mean() ** 0.5
    assert check.metric.of(found, examples.targets) == pytest.approx(theirs, rel=1e-5)
    assert root_mean_squared_error(y.ravel(), predicted.ravel()) == pytest.approx(theirs, rel=1e-5)


def test_padding_is_not_scored(course: Course) -> None:
    """Only the tokens that are there, each as if its sentence stood alone."""
    run, examples, check = (
        course.train(TAGGER, TAGGING, "accuracy"),
        course.examples(TAGGING, "accuracy"),
        check_of("accuracy"),
    )
    assert examples.lengths is not None and len(set(examples.lengths.tolist())) > 5
    said: list[int] = []
    tags: list[int] = []
    for sentence, labels, length in zip(examples.inputs, examples.labels, examples.lengths, strict=True):
        with torch.inference_mode():
            logits = run.module(torch.from_numpy(sentence[None, :length]))
        assert isinstance(logits, torch.Tensor)
        said.extend(logits[0].argmax(1).tolist())
        tags.extend(labels[:length].tolist())
    right = accuracy_score(tags, said, normalize=False)
    outcome = judged(check, examples, outputs(check, examples, run))
    assert isinstance(outcome, Failed)
    assert outcome.found.startswith(
        f"{right:.0f} of {examples.lengths.sum():,} steps = {right / len(tags):.4g} (95"
    )


def test_what_stands_in_padding_does_not_count(course: Course) -> None:
    run, examples, check = (
        course.train(TAGGER, TAGGING, "accuracy"),
        course.examples(TAGGING, "accuracy"),
        check_of("accuracy"),
    )
    assert examples.lengths is not None
    wide = np.pad(examples.inputs, ((0, 0), (0, 5)))
    labels = np.pad(examples.labels, ((0, 0), (0, 5)))
    padding = np.arange(wide.shape[1]) >= examples.lengths[:, None]
    wide[padding], labels[padding] = 3, 2
    wider = replace(examples, inputs=wide, labels=labels)
    np.testing.assert_array_equal(wider.targets, examples.targets)
    ours, theirs = outputs(check, examples, run), outputs(check, wider, run)
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)


def test_padded_sequences_with_one_target_each(course: Course) -> None:
    """`output: last` is after each sequence's own last step."""
    run, check = course.train(SUMMER, ADDING, "rmse"), check_of("rmse")
    examples = course.examples(ADDING, "rmse")
    random = np.random.default_rng(0)
    lengths = random.integers(1, 10, len(examples.inputs))
    inputs = examples.inputs.copy()
    inputs[np.arange(9) >= lengths[:, None]] = 17
    found = outputs(check, replace(examples, inputs=inputs, lengths=lengths), run)
    for row, sequence, length in zip(found, examples.inputs, lengths, strict=True):
        with torch.inference_mode():
            alone = run.module(torch.from_numpy(sequence[None, :length]))
        assert isinstance(alone, torch.Tensor)
        np.testing.assert_allclose(row, alone[0].numpy(), rtol=1e-4, atol=1e-5)


def test_a_worker_is_given_lengths_and_no_labels(course: Course) -> None:
    run = course.train(TAGGER, TAGGING, "accuracy")
    examples = course.examples(TAGGING, "accuracy")
    task = task_of(check_of("accuracy"), examples, Subject(outline(run)))
    assert task.arrays.keys() == {"inputs", "lengths"}
    assert task.arrays["inputs"] is examples.inputs and task.arrays["lengths"] is examples.lengths


def test_what_is_planned_counts_steps(course: Course) -> None:
    run, examples = course.train(SUMMER, ADDING, "rmse"), course.examples(ADDING, "rmse")
    network = outline(run)
    task = task_of(check_of("rmse"), examples, Subject(network))
    assert task.operations == 24 * 9 * network.multiply_adds
    assert task.values == 24 * (9 * 2 + 1) + 24 * (9 * 6 + 1)  # given, and held: `last` keeps all steps too
    long = replace(examples, inputs=np.zeros((24, 10_000_000, 2), np.float16))
    task = task_of(check_of("rmse"), long, Subject(network))
    refusal = Limits().refuse(network, task)
    assert refusal is not None and "the limit of planned" in refusal.expected


def test_a_number_that_is_none_fails_only_at_real_steps(course: Course) -> None:
    examples, check = course.examples(TAGGING, "accuracy"), check_of("accuracy", 0.0, 0.5)
    right = np.eye(12)[examples.targets]
    assert isinstance(judged(check, examples, right), Passed)
    right[7, 3] = np.nan
    outcome = judged(check, examples, right)
    assert isinstance(outcome, Failed)
    assert outcome.found == f"not-a-number or infinity for 1 of {len(right):,} steps"


@pytest.mark.parametrize(
    ("model", "data", "expected", "found"),
    [
        (TOKENS.replace("$vocabulary", "9") + "layers: [{Embedding: 3}, {GRU: 3}, {Linear: 9}]", COPYING,
         "an input of N×23 tokens of 10, as the assignment's data gives", "N×T tokens of 9"),
        (SUMMER, COPYING, "an input of N×23 tokens of 10, as the assignment's data gives", "N×T×2"),
        ("input: [8, 2]\nlayers: [Flatten, {Linear: 1}]", ADDING,
         "an input of N×9×2, as the assignment's data gives", "N×8×2"),
        (TOKENS.replace("$vocabulary", "10") + "layers: [{Embedding: 3}, {GRU: {hidden_size: 9, output: last}}]",
         COPYING, "an output of N×T×…, one at each step", "N×9"),
        (TOKENS.replace("$vocabulary", "10") + "layers: [{Embedding: 3}, {GRU: 8}]", COPYING,
         "an output of one value per class at each step", "N×T×8"),
        ("input: [T, 2]\nlayers: [{GRU: 1}]", ADDING, "an output of N×1", "N×T×1"),
        ("input: [T, 1]\nlayers: [{GRU: 2}]", WAVES, "an output of N×T×1", "N×T×2"),
    ],
)  # fmt: skip
def test_a_network_for_other_sequences_fails_with_that_said(
    course: Course, model: str, data: str, expected: str, found: str
) -> None:
    outcome = refused(course, model, data, "accuracy" if data == COPYING else "rmse")
    assert (outcome.expected, outcome.found) == (expected, found)


def test_a_fixed_length_does_not_take_sentences_of_many(course: Course) -> None:
    examples = course.examples(TAGGING, "accuracy")
    steps = examples.inputs.shape[1]
    model = f"input: {{shape: [{steps}], vocabulary: {examples.vocabulary}}}\nlayers: [{{Embedding: 12}}]"
    outcome = refused(course, model, TAGGING)
    assert outcome.expected.startswith(f"an input of N×T tokens of {examples.vocabulary}")


def _carrying(run: Run, change: Callable[[dict[str, Any]], object]) -> None:
    """The run's weights, with another preprocessing beside them."""
    carried = json.loads(run.preprocessing.to_json())
    change(carried)
    save_file(load_file(run.weights), run.weights, {"preprocessing": json.dumps(carried)})


@pytest.mark.parametrize(("key", "what"), [("vocabulary", "10 tokens"), ("classes", "9 classes")])
def test_weights_of_tokens_in_another_order_are_refused(course: Course, key: str, what: str) -> None:
    run, examples = course.train(WRITER, COPYING, "accuracy"), course.examples(COPYING, "accuracy")
    _carrying(run, lambda carried: carried[key].reverse())
    with pytest.raises(Refusal, match=f"weights trained on the {what} of the assignment's data"):
        outputs(check_of("accuracy"), examples, run)


def test_what_was_fitted_on_tokens_is_the_assignments(course: Course) -> None:
    """Weights without metadata are judged as they are: nothing in it is needed."""
    run, examples = course.train(WRITER, COPYING, "accuracy"), course.examples(COPYING, "accuracy")
    before = outputs(check_of("accuracy"), examples, run)
    save_file(load_file(run.weights), run.weights)
    np.testing.assert_array_equal(outputs(check_of("accuracy"), examples, run), before)
    save_file(load_file(run.weights), run.weights, {"preprocessing": "[" * 9999})
    np.testing.assert_array_equal(outputs(check_of("accuracy"), examples, run), before)


def test_whether_it_is_a_forecast_is_for_the_assignment_to_say(course: Course) -> None:
    run, examples, check = (
        course.train(FORECASTER, SERIES, "rmse"),
        course.examples(SERIES, "rmse"),
        check_of("rmse"),
    )
    before = outputs(check, examples, run)
    _carrying(run, lambda carried: carried.update(forecast=False))
    np.testing.assert_array_equal(outputs(check, examples, run), before)

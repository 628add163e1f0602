from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from builder.data.datasets.dataset import datasets
from builder.data.info import Target
from builder.data.section import Data, Split
from builder.errors import SpecErrors
from builder.training.losses.loss import losses
from builder.training.optimizers.optimizer import optimizers
from builder.training.section import Train
from grader import Blocked, Failed, Passed
from grader.assignment.assignment import read_assignment
from grader.check import Brief, Check, Subject
from grader.checks.learning import learning
from grader.exchange import Examples, Findings
from grader.running.trained_here import loss_of_a_constant, loss_on

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

ASSIGNMENT = """\
gradspec: 1
assignment: learns
reference: reference.yaml
submission: {model: model.yaml}
points: 10
data: {source: Digits, split: {train: 0.5, test: 0.5}, batch_size: 64}
train: {loss: CrossEntropyLoss, optimizer: {Adam: {lr: 1e-2}}, epochs: 1}
checks:
  - {name: learns, learning: {steps: 60, factor: 4}, points: 10}
"""
MODEL = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 32}, ReLU, {Linear: 10}]
"""
SPOILT = """\
input: [1, 8, 8]
layers:
  - Flatten
  - Linear: 32
  - ReLU
  - {Linear: 10, init: {weight: {normal_: {mean: 0, std: 200}}}, freeze: true}
"""
FROZEN = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 32, freeze: true}, ReLU, {Linear: 10, freeze: true}]
"""
DEAD = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 32, init: {bias: {constant_: -1000}}}, ReLU, {Linear: 10}]
"""


@pytest.fixture
def freely(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check alone, without the accuracy that it must need."""
    monkeypatch.setattr(learning, "needs_accuracy", False)


def question_of(labels: np.ndarray, loss: str, classes: int | None) -> Brief:
    shape = () if classes else labels.shape[1:]
    part = Examples(np.zeros((len(labels), 1), np.float32), labels, Target(classes, shape), preprocessing="")
    section = Train(loss=losses[loss](), optimizer=optimizers["Adam"](), epochs=1)
    return Brief(Path(), training=part, train=section)


def test_the_best_constant_answer_is_the_entropy_of_the_labels() -> None:
    even = question_of(np.arange(1000) % 10, "CrossEntropyLoss", 10)
    assert loss_of_a_constant(even, (10,)) == pytest.approx(math.log(10), abs=1e-6)
    uneven = question_of(np.repeat([0, 1], [900, 100]), "CrossEntropyLoss", 2)
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert loss_of_a_constant(uneven, (2,)) == pytest.approx(entropy, abs=1e-6)
    logs = question_of(np.repeat([0, 1], [900, 100]), "NLLLoss", 2)
    assert loss_of_a_constant(logs, (2,)) == pytest.approx(entropy, abs=1e-6)


def test_logs_of_nothing_bring_no_loss_below_that_of_probabilities() -> None:
    """`NLLLoss` of any large number is as low as one likes; of the same number for every class it is ln 10."""
    found = question_of(np.arange(100) % 10, "NLLLoss", 10)
    assert loss_on(found, np.full((100, 10), 1e6, np.float32)) == pytest.approx(math.log(10))
    honest = np.log(np.random.default_rng(0).dirichlet(np.ones(10), 100)).astype(np.float32)
    by_hand = -honest[np.arange(100), np.arange(100) % 10].mean()
    assert loss_on(found, honest) == pytest.approx(float(by_hand), rel=1e-5)


def test_the_best_constant_answer_to_reals_is_their_variance() -> None:
    from builder.runtime.data.preprocessing import Preprocessing

    reals = np.random.default_rng(0).normal(5, 3, (500, 1)).astype(np.float32)
    found = question_of(reals, "MSELoss", None)
    assert found.training is not None
    part = Examples(found.training.inputs, reals, Target(None, (1,)), preprocessing=Preprocessing().to_json())
    brief = Brief(Path(), training=part, train=found.train)
    assert loss_of_a_constant(brief, (1,)) == pytest.approx(float(reals.var()), rel=1e-5)


def fallen(before: float, after: float, check: Check) -> object:
    """The outcome for logits whose loss of even labels is so high."""

    def logits(loss: float) -> np.ndarray:
        # −log softmax of the right class is `loss` where it stands so far above nine others.
        above = math.log(9) - math.log(math.exp(loss) - 1)
        return np.eye(10, dtype=np.float32)[np.arange(100) % 10] * above

    brief = question_of(np.arange(100) % 10, "CrossEntropyLoss", 10)
    found = Findings(arrays={"before.0": logits(before), "after.0": logits(after)})
    return check.judge(brief, Subject(None), found, Findings())


@pytest.mark.parametrize(
    ("before", "after", "fraction"),
    [
        (2.4, 0.5, None),  # from ln 10 at most
        (50.0, 2.0, 0.0504),  # a spoilt start: 25 times lower than it was, and ln 10/2 counts
        (50.0, 2.302, 0.0),
        (1.0, 0.5, 1 / 3),  # a good start is held against itself
    ],
)
def test_the_fall_is_from_the_start_or_from_knowing_nothing(
    before: float, after: float, fraction: float | None
) -> None:
    outcome = fallen(before, after, learning(steps=10, factor=4))
    if fraction is None:
        assert isinstance(outcome, Passed), outcome
    else:
        assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(fraction, abs=1e-3), outcome


def test_points_of_spoilt_frozen_and_dead_starts(classroom: Classroom, freely: None) -> None:
    classroom.write(ASSIGNMENT, MODEL)
    for name, model in (("honest", MODEL), ("spoilt", SPOILT), ("frozen", FROZEN), ("dead", DEAD)):
        classroom.submit(name, model)
    graded = classroom.graded()
    outcomes = {name: result.checks[-1].outcome for name, result in graded.items()}
    assert all(result.checks[0].outcome == Passed() for result in graded.values())
    assert isinstance(outcomes["honest"], Passed), outcomes["honest"]
    for name in ("spoilt", "dead"):
        assert (graded[name].points or 0) <= 0.5, outcomes[name]
    frozen = outcomes["frozen"]
    assert isinstance(frozen, Failed) and frozen.found == "The network has nothing to train."
    assert graded["frozen"].points == 0


def test_the_same_steps_as_a_loop_by_hand(classroom: Classroom, freely: None) -> None:
    """The same losses as torch gives, on the same batches."""
    import torch
    from torch.nn.functional import cross_entropy

    from builder import loads
    from builder.runtime.data.splits import load_splits
    from builder.runtime.network.module import build

    classroom.write(ASSIGNMENT, MODEL)
    classroom.submit("ada", MODEL)
    outcome = classroom.graded()["ada"].checks[-1].outcome
    assert isinstance(outcome, Passed) and outcome.detail is not None
    split = Split(train=0.5, test=0.5)
    splits = load_splits(Data(source=datasets["Digits"](), split=split, batch_size=64), Path())
    network = build(loads(MODEL), 0)
    optimizer, left, epoch = torch.optim.Adam(network.parameters(), 1e-2), 60, 0
    with torch.no_grad():
        before = float(cross_entropy(network(splits.train.x), splits.train.y))
    while left:
        for batch in splits.batches(epoch):
            if not left:
                break
            optimizer.zero_grad()
            cross_entropy(network(batch.x), batch.y).backward()
            optimizer.step()
            left -= 1
        epoch += 1
    with torch.no_grad():
        after = float(cross_entropy(network(splits.train.x), splits.train.y))
    assert outcome.detail.startswith(f"a loss of {after:.4g} after 60 steps, from {before:.4g}; ")


def test_untrained_weights_get_nothing(classroom: Classroom) -> None:
    text = ASSIGNMENT.replace("{model: model.yaml}", "{model: model.yaml, weights: weights.safetensors}")
    text = text.replace("checks:", "checks:\n  - {name: clean, accuracy: {zero: 0.5, full: 0.9}}")
    classroom.write(text.replace("factor: 4}", "factor: 4}, needs: {clean: 0.5}"), MODEL)
    classroom.submit("untrained", MODEL, classroom.weights_of(MODEL))
    result = classroom.graded()["untrained"]
    assert result.points == 0 and isinstance(result.checks[-1].outcome, Blocked)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("train:", "`learns` trains here, and the assignment has no `train`"),
        ("data:", "`learns` reads the training part, and the assignment's data has no test part beside it"),
    ],
)
def test_what_it_needs_is_asked_for(classroom: Classroom, freely: None, line: str, problem: str) -> None:
    kept = [text for text in ASSIGNMENT.splitlines() if not text.startswith(line)]
    classroom.write("\n".join(kept))
    with pytest.raises(SpecErrors) as caught:
        read_assignment(classroom.assignment)
    assert [error.problem for error in caught.value.errors] == [problem]

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from builder.data.info import Target
from builder.errors import SpecErrors
from builder.training.metrics.metric import metrics
from grader import Blocked, Failed, Passed
from grader.assignment.assignment import read_assignment
from grader.check import Brief, Subject
from grader.checks.generalisation import generalisation
from grader.exchange import Examples, Findings
from grader.outcome import Outcome

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

LABELS = np.arange(1000) % 10
ASSIGNMENT = """\
gradspec: 1
assignment: gap
reference: reference.yaml
submission: {model: model.yaml, weights: weights.safetensors}
points: 10
data: {source: Digits, split: {train: 0.5, test: 0.5}}
checks:
  - {name: clean, accuracy: {zero: 0.5, full: 1.0}}
  - {name: gap, generalisation: {max: 0.02, zero: 0.42}, needs: {clean: 0.1}, points: 10}
"""


def judged(check: generalisation, trained: int, unseen: int) -> Outcome:
    def outputs(right: int) -> np.ndarray:
        said = np.where(np.arange(1000) < right, LABELS, (LABELS + 1) % 10)
        return np.eye(10, dtype=np.float32)[said]

    part = Examples(np.zeros((1000, 1), np.float32), LABELS, Target(10))
    found = Findings(arrays={"outputs": outputs(unseen), "training.outputs": outputs(trained)})
    return check.judge(Brief(Path(), examples=part, training=part), Subject(None), found, Findings())


@pytest.mark.parametrize(
    ("trained", "unseen", "fraction"), [(990, 940, None), (900, 950, None), (950, 850, 0.5), (990, 500, 0.0)]
)
def test_the_gap_is_what_counts(trained: int, unseen: int, fraction: float | None) -> None:
    outcome = judged(generalisation(max=0.05, zero=0.15), trained, unseen)
    if fraction is None:
        assert isinstance(outcome, Passed), outcome
    else:
        assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(fraction), outcome
        assert outcome.direction == "much better on the training examples than on others"


def test_without_zero_it_is_all_or_nothing() -> None:
    outcome = judged(generalisation(max=0.05), 950, 890)
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    assert "a gap of 0.06 (95 % interval " in outcome.found


def test_where_less_is_better_the_gap_is_the_other_way() -> None:
    check = generalisation(metric=metrics["rmse"](), max=0.5)
    part = Examples(np.zeros((4, 1), np.float32), np.zeros((4, 1), np.float32), Target(None, (1,)))
    rows = {"outputs": np.full((4, 1), 2.0), "training.outputs": np.full((4, 1), 1.0)}
    brief = Brief(Path(), examples=part, training=part)
    outcome = check.judge(brief, Subject(None), Findings(arrays=rows), Findings())
    assert isinstance(outcome, Failed) and "a gap of 1" in outcome.found


def trained(model: str, epochs: int, examples: int) -> bytes:
    """Weights of the model, trained on the first examples of the assignment's training part."""
    import torch
    from safetensors.torch import save

    from builder import loads
    from builder.data.datasets.dataset import datasets
    from builder.data.section import Data, Split
    from builder.runtime.data.splits import load_arrays
    from builder.runtime.network.module import build

    data = Data(source=datasets["Digits"](), split=Split(train=0.5, test=0.5))
    x, y, _ = load_arrays(data, Path(), "train")
    network = build(loads(model), 0)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    inputs, labels = torch.from_numpy(x[:examples]), torch.from_numpy(y[:examples])
    for _ in range(epochs):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    return save(network.state_dict())


def test_points_of_an_untrained_network_and_of_one_that_knows_it_by_heart(
    classroom: Classroom, weights: bytes
) -> None:
    classroom.write(ASSIGNMENT)
    classroom.submit("untrained", weights=weights)
    classroom.submit("honest", weights=trained(classroom.model, 60, 10_000))
    graded = classroom.graded()
    assert graded["untrained"].points == 0
    assert isinstance(graded["untrained"].checks[-1].outcome, Blocked)
    honest = graded["honest"]
    assert honest.points is not None and honest.points >= 8, honest.checks[-1].outcome


def test_it_is_refused_without_an_accuracy_above_guessing(classroom: Classroom) -> None:
    for needs, problem in (
        ("", "`gap` could be passed by a network that has learned nothing"),
        (", needs: valid", "`gap` could be passed by a network that has learned nothing"),
        (
            ", needs: {low: 0.1}",
            "`low: 0.1` is an accuracy of 0.1, and guessing one of 10 classes reaches 0.1",
        ),
    ):
        text = ASSIGNMENT.replace(", needs: {clean: 0.1}", needs)
        text = text.replace("checks:", "checks:\n  - valid\n  - {name: low, accuracy: {zero: 0, full: 1}}")
        classroom.write(text)
        with pytest.raises(SpecErrors) as caught:
            read_assignment(classroom.assignment)
        assert [error.problem for error in caught.value.errors] == [problem]


def test_it_is_refused_without_a_test_part(classroom: Classroom) -> None:
    classroom.write(ASSIGNMENT.replace(", split: {train: 0.5, test: 0.5}", ""))
    with pytest.raises(SpecErrors) as caught:
        read_assignment(classroom.assignment)
    assert [error.problem for error in caught.value.errors] == [
        "`gap` reads the training part, and the assignment's data has no test part beside it"
    ]

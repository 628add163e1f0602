"""confidence, with a classifier whose probabilities are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from builder.data.datasets.digits import Digits
from builder.data.section import Data
from builder.errors import Cause, DataError
from builder.games.measures.confidence import confidence
from builder.games.measures.measure import Sampled

DATA = Data(source=Digits())


def _logit(probability: float) -> float:
    """What of three logits, the others 0, has this probability."""
    return math.log(2 * probability / (1 - probability))


def test_the_sure_are_counted(sampled: Callable[..., Sampled], classifier: Callable[..., str]) -> None:
    name = classifier(torch.eye(3), torch.eye(3) / 10)
    sure, unsure = _logit(0.61), _logit(0.59)
    samples = torch.tensor([[sure, 0, 0], [0, sure, 0], [0, sure, 0], [0, 0, unsure], [math.nan, 0, 0]])
    found = confidence(classifier=name).of(sampled(samples))
    assert found == {"confident_samples": pytest.approx(3 / 5), "classes_seen": 2.0}
    found = confidence(classifier=name, least=0.5).of(sampled(samples))
    assert found == {"confident_samples": pytest.approx(4 / 5), "classes_seen": 3.0}
    assert confidence(classifier=name, least=0.99).of(sampled(samples))["classes_seen"] == 0


def test_a_file_that_is_not_there_is_told_before_training(tmp_path: Path) -> None:
    info = DATA.describe(tmp_path)
    with pytest.raises(Cause, match="there is no file") as caught:
        confidence(classifier="none.onnx").check(DATA, info, tmp_path)
    assert caught.value.field == "classifier"
    with pytest.raises(Cause, match="leaves the folder"):
        confidence(classifier="../none.onnx").check(DATA, info, tmp_path)


def test_a_classifier_of_other_examples_is_told_before_training(
    tmp_path: Path, classifier: Callable[..., str]
) -> None:
    name = classifier(torch.eye(3), torch.eye(3))
    with pytest.raises(DataError, match=r"does not take examples of \[1, 8, 8\]"):
        confidence(classifier=name).prepare(DATA, DATA.describe(tmp_path), tmp_path)

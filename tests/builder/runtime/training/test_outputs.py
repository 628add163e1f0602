"""Outputs on whole parts against one plain forward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import nn

from builder import loads
from builder.runtime import build
from builder.runtime.data.splits import Part
from builder.runtime.training.outputs import measure, outputs
from builder.spec.spec import ModelSpec

Small = Callable[..., ModelSpec]


def test_in_pieces_as_at_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.runtime.network.module.AT_ONCE", 4000)
    network = build(small())
    x = torch.randn(57, 1, 8, 8)
    found = outputs(network, x)["output"]
    assert network.training
    assert torch.allclose(found, network.eval()(x), atol=1e-6)


def test_loss_and_metrics(small: Small) -> None:
    spec = small()
    assert spec.train is not None
    network, x, y = build(spec), torch.randn(40, 1, 8, 8), torch.randint(10, (40,))
    found = measure(network, Part(x, y), spec.train, "test")
    logits = network.eval()(x)
    assert found["test_loss"] == pytest.approx(nn.functional.cross_entropy(logits, y).item())
    assert found["test_accuracy"] == pytest.approx(accuracy_score(y, logits.argmax(1)))
    assert list(found) == ["test_loss", "test_accuracy"]


def test_a_sum_is_given_per_example(small: Small) -> None:
    mean, summed = small(), small("train.loss={CrossEntropyLoss: {reduction: sum}}")
    assert mean.train is not None and summed.train is not None
    network, x, y = build(mean), torch.randn(40, 1, 8, 8), torch.randint(10, (40,))
    one, other = (
        measure(network, Part(x, y), mean.train, "a"),
        measure(network, Part(x, y), summed.train, "a"),
    )
    assert one["a_loss"] == pytest.approx(other["a_loss"], rel=1e-5)


def test_tokens_go_through() -> None:
    spec = loads("input: {shape: [4], vocabulary: 9}\nlayers: [{Embedding: 3}, Flatten, {Linear: 2}]\n")
    assert outputs(build(spec), torch.randint(9, (5, 4)))["output"].shape == (5, 2)

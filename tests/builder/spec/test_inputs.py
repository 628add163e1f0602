"""Inputs of tokens that have no axes: one class's number for each example."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from builder import SpecErrors, loads
from builder.elaborate.resolve import to_yaml
from builder.runtime import build
from builder.runtime.export.export import export
from builder.shapes import TensorType

CONDITIONED = """
inputs:
  image: [1, 4, 4]
  label: {shape: [], vocabulary: 10}
layers:
  - {Embedding: 3, from: label, name: embedded}
  - {Tile: [4, 4]}
  - Concat: [image, tile_1]
  - Flatten
  - {OneHot: {}, from: label}
  - Concat: [flatten_1, one_hot_1]
  - Linear: 3
  - Dot: [linear_1, embedded]
"""


def test_one_token_for_each_example_is_a_type_like_any_other(tmp_path: Path) -> None:
    spec = loads(CONDITIONED)
    assert spec.graph.inputs["label"] == TensorType((), vocabulary=10)
    assert str(spec.graph.inputs["label"]) == "N tokens of 10"
    assert loads(to_yaml(spec.resolved())).graph.state == spec.graph.state
    network = build(spec)
    image, label = torch.randn(5, 1, 4, 4), torch.tensor([0, 9, 3, 3, 1])
    assert network(image, label).shape == (5, 1)
    assert torch.equal(network(label=label, image=image), network(image, label))
    assert network.double()(image.double(), label).dtype == torch.float64
    proof = export(network.float(), tmp_path / "model.onnx")
    assert proof.batches == (1, 5)


@pytest.mark.parametrize("text", ["input: []", "input: {shape: []}"])
def test_reals_need_an_axis(text: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        loads(f"{text}\nlayers: [Flatten]")
    expected = "expected a list of sizes without the batch axis, found an empty list"
    assert [error.problem for error in caught.value.errors] == [expected]

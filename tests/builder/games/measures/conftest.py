"""What the tests of measures share: what a measure looks at, and a classifier of points in an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor

from builder.data.datasets.digits import Digits
from builder.data.section import Data
from builder.games.measures.measure import Sampled
from builder.runtime.data.preprocessing import Preprocessing


@pytest.fixture
def sampled(tmp_path: Path) -> Callable[..., Sampled]:
    """What a measure is given, of samples, held-out examples and training examples."""

    def make(
        samples: Tensor, real: Tensor | None = None, trained: Tensor | None = None, data: Data | None = None
    ) -> Sampled:
        real = samples if real is None else real
        trained = real if trained is None else trained
        zeros = torch.zeros(len(real), 1), torch.zeros(len(samples), 1)
        return Sampled(samples, real, trained, *zeros, data or Data(source=Digits()), tmp_path)

    return make


@pytest.fixture
def classifier(tmp_path: Path) -> Callable[..., str]:
    """An ONNX file of three layers, logits = 10·relu(x·first)·last, as a run writes it; its name."""

    def write(first: Tensor, last: Tensor, scale: float = 1.0, name: str = "model.onnx") -> str:
        made = onnx.helper
        weights = [
            onnx.numpy_helper.from_array(one.numpy(), key)
            for key, one in (("first", first), ("last", last), ("ten", torch.tensor([10.0])))
        ]
        nodes = [
            made.make_node("MatMul", ["input", "first"], ["one"]),
            made.make_node("Relu", ["one"], ["two"]),
            made.make_node("MatMul", ["two", "last"], ["three"]),
            made.make_node("Mul", ["three", "ten"], ["output"]),
        ]
        sizes = {"input": first.shape[0], "output": last.shape[1]}
        ends = [made.make_tensor_value_info(k, 1, ["batch", size]) for k, size in sizes.items()]
        graph = made.make_graph(nodes, "classifier", ends[:1], ends[1:], weights)
        model = made.make_model(graph, opset_imports=[made.make_opsetid("", 20)], ir_version=10)
        said = Preprocessing(scale=(scale,), shift=(0.0,)).to_json()
        made.set_model_props(model, {"preprocessing": said})
        (tmp_path / name).write_bytes(model.SerializeToString())
        return name

    return write

"""A classifier in an ONNX file: a run's own, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from builder import loads
from builder.errors import DataError
from builder.runtime import predict, train
from builder.runtime.games.classifier import Classifier

SPEC = """
input: [1, 8, 8]
layers: [Flatten, {Linear: 12}, Tanh, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}], split: {train: 0.1, test: 0.9}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run called ``run``."""
    out = tmp_path_factory.mktemp("classifier")
    train(loads(SPEC, folder=out), out / "run")
    return out


def test_it_takes_examples_as_their_source_gives_them(folder: Path) -> None:
    from builder.runtime import load_run

    run, judge = load_run(folder / "run"), Classifier.open(folder, "run/model.onnx")
    x = torch.rand(1201, 1, 8, 8, generator=torch.Generator().manual_seed(0))  # several batches
    logits = judge.logits(x)
    assert judge.classes == 10
    wanted = predict(run, x.numpy())
    assert isinstance(wanted, np.ndarray)
    np.testing.assert_allclose(logits.numpy(), wanted, atol=1e-5)


def test_features_are_what_arrives_at_the_last_layer(folder: Path) -> None:
    from builder.runtime import load_run

    run, judge = load_run(folder / "run"), Classifier.open(folder, "run/model.onnx")
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    features = judge.features(x)
    assert features.shape == (3, 12)
    weights = dict(run.module.named_parameters())
    logits = features @ weights["linear_2.weight"].T + weights["linear_2.bias"]
    torch.testing.assert_close(logits.detach(), judge.logits(x), atol=1e-5, rtol=1e-5)


def test_other_examples_are_told(folder: Path) -> None:
    judge = Classifier.open(folder, "run/model.onnx")
    judge.check((1, 8, 8))
    with pytest.raises(DataError, match=r"does not take examples of \[1, 28, 28\]"):
        judge.check((1, 28, 28))


def test_files_that_are_no_classifier(folder: Path) -> None:
    model = onnx.load(folder / "run" / "model.onnx")
    onnx.helper.set_model_props(model, {"classes": "[]"})
    (folder / "silent.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="does not say in its metadata how examples are preprocessed"):
        Classifier.open(folder, "silent.onnx")
    (folder / "text.onnx").write_text("not at all", encoding="utf-8")
    for path, problem in (("text.onnx", "is no ONNX file"), ("none.onnx", "there is no file")):
        with pytest.raises(DataError, match=problem):
            Classifier.open(folder, path)
    with pytest.raises(DataError, match="leaves the folder"):
        Classifier.open(folder / "run", "../text.onnx")


def test_a_network_with_one_output_is_no_classifier(folder: Path) -> None:
    model = onnx.load(folder / "run" / "model.onnx")
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    (folder / "one.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="is no classifier"):
        Classifier.open(folder, "one.onnx")

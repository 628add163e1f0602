"""ONNX files, run by onnxruntime here as a user would; and that a wrong one is not written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from builder import loads
from builder.errors import ExportError
from builder.runtime import build
from builder.runtime.export.export import export, translated
from builder.runtime.export.proof import prove

MANY = """
inputs: {image: [1, 8, 8], words: {shape: [5], vocabulary: 11}}
layers:
  - {from: image, Conv2d: {out_channels: 3, kernel_size: 3}}
  - BatchNorm2d
  - ReLU
  - {name: seen, Flatten}
  - {from: words, Embedding: 4}
  - {name: read, Flatten}
  - {name: both, Concat: [seen, read]}
  - Dropout
  - {name: label, Linear: 6}
  - {name: aside, from: seen, Linear: 2}
outputs: [label, aside]
"""


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


def test_several_inputs_and_outputs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    network = build(loads(MANY))
    proof = export(network, str(tmp_path / "model.onnx"))
    assert network.training
    assert proof.largest <= proof.allowed
    assert proof.batches == (1, 5)
    opened = session(tmp_path / "model.onnx")
    assert [i.name for i in opened.get_inputs()] == ["image", "words"]
    assert [o.name for o in opened.get_outputs()] == ["label", "aside"]
    assert [i.shape for i in opened.get_inputs()] == [["batch", 1, 8, 8], ["batch", 5]]
    image, words = torch.randn(7, 1, 8, 8), torch.randint(11, (7, 5))
    expected: Any = network.eval()(image, words)
    label, aside = opened.run(None, {"image": image.numpy(), "words": words.numpy()})
    assert np.allclose(label, expected["label"].detach(), atol=1e-5)
    assert np.allclose(aside, expected["aside"].detach(), atol=1e-5)
    said = {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert set(said) == {"gradspec", "proof"}
    assert str(Path(__file__).parents[4]).encode() not in (tmp_path / "model.onnx").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert capfd.readouterr() == ("", "")


def test_a_perturbed_weight_is_not_proved() -> None:
    network = build(loads("input: [6]\nlayers: [{Linear: 4}, Tanh, {Linear: 3}]\n")).eval()
    model = translated(network)
    assert prove(network, model).largest < 1e-5
    for initializer in model.graph.initializer:
        values = numpy_helper.to_array(initializer).copy()
        if values.shape == (4, 6) or values.shape == (6, 4):
            values[0, 0] += 0.01
            initializer.CopyFrom(numpy_helper.from_array(values, initializer.name))
    with pytest.raises(ExportError, match=r"`output` differs by .* at batch 1"):
        prove(network, model)


def test_a_layer_that_torch_exports_wrongly_leaves_no_file(tmp_path: Path) -> None:
    network = build(loads("input: [1, 6, 6]\nlayers: [{AvgPool2d: 2}]\n"))
    pool = network.get_submodule("avg_pool2d_1")
    assert isinstance(pool, torch.nn.AvgPool2d)
    pool.divisor_override = 3  # refused in specs because of this
    with pytest.raises(ExportError, match="does not equal the network"):
        export(network, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_no_numbers_prove_nothing(tmp_path: Path) -> None:
    network = build(loads("input: [6]\nlayers: [{Linear: 4}]\n"))
    with torch.no_grad():
        network.get_parameter("linear_1.bias").fill_(torch.nan)
    with pytest.raises(ExportError, match="not finite on random inputs"):
        export(network, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_torch_cannot_export_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("wrapped\nand pages of advice") from ValueError("the cause")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ExportError, match="cannot export this network: ValueError: the cause"):
        export(build(loads("input: [6]\nlayers: [{Linear: 4}]\n")), tmp_path / "model.onnx")

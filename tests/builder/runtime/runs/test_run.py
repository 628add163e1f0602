"""A run's folder: what it holds, and what of it comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors import safe_open

from builder import load
from builder.errors import DataError, RunError, WeightsError
from builder.runtime import Run, build, evaluate, load_run, predict, save_weights, train
from builder.runtime.data.preprocessing import Preprocessing
from builder.spec.spec import ModelSpec

Small = Callable[..., ModelSpec]


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    """The finished run's folder, to be changed."""
    return Path(shutil.copytree(run.folder, tmp_path / "copy"))


def test_what_is_in_it(run: Run) -> None:
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "checkpoint", "environment.json", "metrics.jsonl", "model.onnx", "spec.yaml", "summary.json",
        "weights.safetensors",
    ]  # fmt: skip
    environment = json.loads((run.folder / "environment.json").read_text())
    assert environment["torch"] == torch.__version__
    assert environment["threads"] == 1
    assert environment["device"] == "cpu"
    summary = json.loads((run.folder / "summary.json").read_text())
    assert {"test_loss", "test_accuracy", "weights_of_epoch", "onnx"} <= summary.keys()
    with safe_open(run.weights, "pt") as file:
        metadata = file.metadata()
        assert set(file.keys()) == set(run.spec.graph.state)
    assert Preprocessing.from_json(metadata["preprocessing"]) == run.preprocessing or (
        Preprocessing.from_json(metadata["preprocessing"]).to_json() == run.preprocessing.to_json()
    )
    assert json.loads(metadata["classes"]) == [str(digit) for digit in range(10)]


def test_its_spec_is_the_same_model(run: Run) -> None:
    again = load(run.folder / "spec.yaml")
    assert again.resolved() == run.spec.resolved()


def test_it_comes_back(run: Run) -> None:
    found = load_run(run.folder)
    x = torch.randn(4, 1, 8, 8)
    assert not found.module.training
    assert torch.equal(found.module(x), run.module(x))
    assert found.metrics == run.metrics
    assert found.summary == json.loads(json.dumps(run.summary))
    assert evaluate(found)["test_loss"] == pytest.approx(run.summary["test_loss"], rel=1e-5)


def test_the_onnx_file_says_what_was_fitted(run: Run) -> None:
    model = onnx.load(run.onnx)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["preprocessing"] == run.preprocessing.to_json()
    assert json.loads(said["proof"])["largest"] == run.summary["onnx"]["largest"]


def test_moved_away_from_its_data_it_still_predicts(small: Small, tmp_path: Path, no_export: None) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    draw = np.random.default_rng(0)
    np.savez(folder / "mine.npz", x=draw.random((90, 1, 8, 8)), y=np.arange(90) % 10)
    text = (
        "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\ndata: {source: {NPZ: mine.npz}}\n"
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}\n"
    )
    (folder / "model.yaml").write_text(text)
    run = train(load(folder / "model.yaml"), folder / "run")
    assert evaluate(load_run(run.folder))["test_loss"] == pytest.approx(run.summary["test_loss"], rel=1e-5)
    away = load_run(Path(shutil.move(run.folder, tmp_path / "away")))
    assert predict(away, np.zeros((2, 1, 8, 8))).shape == (2, 10)  # type: ignore[union-attr]
    with pytest.raises(RunError, match="cannot be found"):
        evaluate(away)


def test_weights_of_another_network(copied: Path, small: Small) -> None:
    save_weights(build(small("layers[1].Linear=25")), copied / "weights.safetensors")
    with pytest.raises(WeightsError, match=r"`linear_1\.weight`: expected \[24, 64\]"):
        load_run(copied)


def test_weights_that_do_not_say_what_was_fitted(copied: Path, small: Small) -> None:
    save_weights(build(small()), copied / "weights.safetensors")
    with pytest.raises(WeightsError, match="does not say in its metadata"):
        load_run(copied)


def test_a_lie_about_what_was_fitted(copied: Path, run: Run) -> None:
    from safetensors.torch import save_file

    save_file(run.module.state_dict(), copied / "weights.safetensors", {"preprocessing": "{}"})
    with pytest.raises(DataError):
        load_run(copied)


@pytest.mark.parametrize("name", ["spec.yaml", "weights.safetensors", "metrics.jsonl", "summary.json"])
def test_a_folder_that_lacks_something_is_no_run(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(RunError):
        load_run(copied)


def test_a_file_is_no_place_for_a_run(small: Small, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(RunError, match="is a file, and a run is a folder"):
        train(small(), file)
    with pytest.raises(NotADirectoryError):
        train(small(), file / "run")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("text", ["5", "- a", "{", ""])
def test_a_spec_that_is_none_is_said(copied: Path, text: str) -> None:
    (copied / "spec.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="The spec of the run cannot be read"):
        load_run(copied)


@pytest.mark.parametrize(("name", "text"), [("summary.json", "[]"), ("metrics.jsonl", "5\n")])
def test_figures_that_are_none_are_said(copied: Path, name: str, text: str) -> None:
    (copied / name).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="is not what `train` writes"):
        load_run(copied)

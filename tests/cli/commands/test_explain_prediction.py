"""`gradspec explain-prediction`: its lines, its data, its picture, and what it refuses."""

from __future__ import annotations

import doctest
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cli.commands.explain_prediction
import cli.main
import cli.view.attribution_plots
from builder import loads
from builder.runtime import Proof, Run, load_run, train

pytest.importorskip("captum")

IMAGE = """
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 4, kernel_size: 3}}, ReLU, Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}], batch_size: 128}
train: {loss: CrossEntropyLoss, optimizer: {Adam: {lr: 1e-2}}, epochs: 1, device: cpu, threads: 1}
"""
TOKENS = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: 4}, {GRU: 8}, {Linear: $classes}]
data: {source: {CopyMemory: 5}, batch_size: 500}
train: {loss: CrossEntropyLoss, optimizer: {Adam: {lr: 1e-2}}, epochs: 1, device: cpu, threads: 1}
"""
SERIES = """
input: [T, 2]
layers: [{GRU: {hidden_size: 4, output: last}}, {Linear: 1}]
data: {source: {AddingProblem: 12}, batch_size: 500}
train: {loss: MSELoss, optimizer: {Adam: {lr: 1e-2}}, epochs: 1, device: cpu, threads: 1}
"""
TABLE = """
input: [2]
layers: [{Linear: 4}, ReLU, {Linear: 3}]
data: {source: {NPZ: table.npz}, preprocess: [Standardize]}
train: {loss: CrossEntropyLoss, optimizer: {Adam: {lr: 1e-2}}, epochs: 1, device: cpu, threads: 1}
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished run of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    draw = np.random.default_rng(0)
    np.savez(folder / "table.npz", x=draw.random((60, 2)), y=np.arange(60) % 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["builder.runtime.train"], "export", lambda *_: Proof(0.0, 0.0, (), 0))
        for name, text in (("image", IMAGE), ("tokens", TOKENS), ("series", SERIES), ("table", TABLE)):
            train(loads(text, folder=folder), folder / name)
    yield folder


@pytest.fixture
def explain(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command beside the runs: its code, its output, what it says of errors."""
    monkeypatch.chdir(runs)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gradspec", "explain-prediction", *arguments])
        code = cli.main.main()
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_examples() -> None:
    assert doctest.testmod(cli.commands.explain_prediction).failed == 0
    assert doctest.testmod(cli.view.attribution_plots).failed == 0


def test_an_image_in_words(explain: Command) -> None:
    code, out, err = explain("image", "test:17")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert re.match(r"test:17: \d with probability 0\.\d{3}(, which is right|; it is \d)$", lines[0])
    assert lines[2].split() == ["class", "probability", "output"]
    assert len(lines[3:8]) == 5 and lines[3].split()[0] == lines[0].split()[1]
    assert "GradCAM at conv2d_1  where a layer speaks for it" in lines
    shares = re.findall(r"(?:top|bottom) (?:left|right) (\d+)%", out)
    assert len(shares) == 16
    for four in range(0, 16, 4):
        assert sum(map(int, shares[four : four + 4])) in range(98, 103)
    assert len(re.findall(r"half of it on \d+ of 64 pixels\.", out)) == 4
    sums = re.search(r"Sums to (\S+); f\(x\) − f\(baseline\) is (\S+)\.", out)
    assert sums and float(sums[1]) == pytest.approx(float(sums[2]), rel=1e-2)


def test_another_class_by_one_method(explain: Command) -> None:
    _, out, _ = explain("image", "test:0", "--class", "7", "--method", "Occlusion")
    assert "Occlusion" in out and "Saliency" not in out
    assert out.splitlines()[0].endswith(". Asked: why 7") or " 7 with" in out.splitlines()[0]


def test_as_data(explain: Command, runs: Path) -> None:
    _, out, _ = explain("image", "validation:2", "--json", "--method", "Saliency", "--method", "GradCAM")
    data = json.loads(out)
    assert (data["kind"], data["input"]) == ("image", "validation:2")
    assert data["predicted"] == data["explained"] == int(np.argmax(data["outputs"]))
    assert sum(data["probabilities"]) == pytest.approx(1, abs=1e-5)
    saliency, cam = data["methods"]
    assert np.shape(saliency["values"]) == (1, 8, 8) and np.shape(cam["values"]) == (8, 8)
    assert (saliency["layer"], cam["layer"]) == (None, "conv2d_1")
    assert (runs / "image").is_dir()


def test_files_are_read_as_predict_reads_them(explain: Command, runs: Path) -> None:
    from builder.runtime import predict
    from builder.runtime.data.splits import load_arrays

    run: Run = load_run(runs / "image")
    assert run.spec.data is not None
    x = load_arrays(run.spec.data, run.spec.folder, "test").x[:3]
    grey = (x[1, 0] * 255).round().astype(np.uint8)
    np.savez(runs / "digits.npz", x=x)
    np.save(runs / "one.npy", x[1])
    Image.fromarray(grey).save(runs / "one.png")
    outputs = predict(run, x)
    assert not isinstance(outputs, dict)
    for name, expected in (("digits.npz", outputs[0]), ("digits.npz:1", outputs[1]), ("one.npy", outputs[1])):
        data = json.loads(explain("image", name, "--json", "--method", "Saliency")[1])
        np.testing.assert_allclose(data["outputs"], expected, atol=1e-6)
        assert data["truth"] is None
    data = json.loads(explain("image", "one.png", "--json", "--method", "Saliency")[1])
    np.testing.assert_allclose(data["outputs"], outputs[1], atol=0.1)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("image", ()),
        ("tokens", (", step 25 of 25: ", "of 25 tokens.", " at 25 ")),
        ("series", (": the output is ", "; true is ", "of 12 steps.")),
        ("table", ("feature 0 ", "of 2 features.")),
    ],
)
def test_every_kind_is_drawn_and_told(run: str, words: tuple[str, ...], explain: Command) -> None:
    code, out, err = explain(run, "test:1", "--out", f"{run}.png")
    assert (code, err) == (0, "")
    assert all(word in out for word in words), out
    assert out.endswith(f"written: {run}.png\n")
    with Image.open(f"{run}.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    assert (pixels[0] == 255).all() and (pixels[:, -1] == 255).all(), "nothing runs over the edge"


def test_a_step_is_chosen(explain: Command) -> None:
    data = json.loads(explain("tokens", "test:0", "--step", "4", "--json")[1])
    assert data["step"] == 4
    for found in data["methods"]:
        assert np.shape(found["values"]) == (25,)
        assert np.abs(found["values"][4:]).max() < 1e-5, "what comes later changes nothing"
        assert np.abs(found["values"][:4]).max() > 1e-4


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("image", "test:9999"), "has 270 examples, numbered from 0, and there is no 9999"),
        (("image", "nothing.npz"), "there is no file `nothing.npz`"),
        (("image", "test:1", "--class", "10"), "there is no class 10: there are 10, numbered from 0"),
        (("image", "test:1", "--class", "ten"), "there is no class `ten`"),
        (("image", "test:1", "--method", "Gradcam"), "Did you mean `GradCAM`?"),
        (("image", "test:1", "--layer", "linear_1"), "and `linear_1` is none"),
        (("image", "test:1", "--step", "1"), "there is no step to choose"),
        (("table", "test:1", "--method", "GradCAM"), "and this network has none"),
        (("tokens", "test:1", "--step", "26"), "the example has 25, numbered from 1"),
        (("image", "table.npz"), "the network needs N×1×8×8, and examples of [60, 2] are given"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_refused(arguments: tuple[str, ...], problem: str, explain: Command) -> None:
    code, out, err = explain(*arguments)
    assert (code, out) == (1, "")
    assert problem in " ".join(err.split())
    code, out, _ = explain(*arguments, "--json")
    told = json.loads(out)["errors"][0]
    assert code == 1 and problem in f"{told['problem']} {told['hint']}"


def test_usage_that_cannot_be_meant(explain: Command, monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    for name in ("why", "why.txt", "why.jpg"):
        code, _, err = explain("image", "test:1", "--out", name)
        assert code == 2 and f"`{name}` does not end in .png" in err
    code, _, err = explain("image", "test:1", "--method", "Saliency", "--layer", "conv2d_1")
    assert code == 2 and "`--layer` is Grad-CAM's" in err
    (runs / "half").mkdir()
    code, _, err = explain("half", "test:1")
    assert code == 1 and "`half` is no run's folder" in err
    monkeypatch.setitem(sys.modules, "captum", None)
    code, _, err = explain("image", "test:1")
    assert code == 1 and "pip install 'gradspec[explain]'" in err

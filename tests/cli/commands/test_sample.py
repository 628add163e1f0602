"""`gradspec sample`: a text on the terminal, pictures of a GAN's samples, data for a program, wrong usage."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cli.main
from builder import loads
from builder.runtime import Proof, sample, train
from builder.runtime.data.splits import load_arrays

SPEC = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: 4}, {GRU: 4}, {Linear: $classes}]
data: {source: {Text: {path: a.txt, length: 10}}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""

GAN = """
networks:
  generator: {input: [4], layers: [{Linear: 64}, Tanh, {Unflatten: [1, 8, 8]}]}
  discriminator: {input: [1, 8, 8], layers: [Flatten, {Linear: 1}]}
adversarial:
  objective: NonSaturating
  conditional: embed
  optimizer: {generator: Adam, discriminator: Adam}
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}], split: {train: 0.1, test: 0.9}}
train: {epochs: 1, device: cpu, threads: 1, grid: 4}
"""
POINTS = """
networks:
  generator: {input: [2], layers: [{Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 1}]}
adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}}
data: {source: {GaussianRing: {examples: 200}}}
train: {epochs: 1, device: cpu, threads: 1}
"""


@pytest.fixture(scope="module")
def gans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs ``digits``, of a conditional GAN, and ``points``."""
    out = tmp_path_factory.mktemp("gans")
    with pytest.MonkeyPatch.context() as patch:
        __import__("builder.runtime.games.train_gan")
        made = sys.modules["builder.runtime.games.train_gan"]
        patch.setattr(made, "export", lambda what, path: Proof(0.0, 0.0, (), 0))
        train(loads(GAN, folder=out), out / "digits")
        train(loads(POINTS, folder=out), out / "points")
    return out


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, gans: Path, tmp_path: Path) -> Path:
    """The folder of two GANs; what is written without a name goes elsewhere."""
    monkeypatch.chdir(tmp_path)
    return gans


def _sample(monkeypatch: pytest.MonkeyPatch, run: Path, *options: object) -> int:
    monkeypatch.setattr(sys, "argv", ["gradspec", "sample", str(run), *map(str, options)])
    return cli.main.main()


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def export(what: object, path: Path) -> Proof:
        return Proof(0.0, 0.0, (), 0)

    monkeypatch.setattr(sys.modules["builder.runtime.train"], "export", export)
    (tmp_path / "a.txt").write_text("the cat sat on the mat\n" * 9, encoding="utf-8")
    train(loads(SPEC, folder=tmp_path), tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def test_it_writes_on(
    said: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gradspec", "sample", "run", "--start", "the", "--length", "40", "--seed", "2"]
    monkeypatch.setattr(sys, "argv", words)
    assert cli.main.main() == 0
    shown = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*words, "--json"])
    assert cli.main.main() == 0
    data = json.loads(capsys.readouterr().out)
    assert data["start"] == "the" and len(data["text"]) == 40
    assert shown == f"the{data['text']}\n"


def test_wrong_usage_is_told(
    said: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, value in (
        ("temperature", "-1"),
        ("temperature", "inf"),
        ("temperature", "nan"),
        ("seed", "9" * 23),
    ):
        monkeypatch.setattr(sys, "argv", ["gradspec", "sample", "run", f"--{option}", value])
        assert cli.main.main() == 2
        assert option in capsys.readouterr().err


def test_unknown_characters_are_told(
    said: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gradspec", "sample", "run", "--length", "5", "--json", "--start"]
    monkeypatch.setattr(sys, "argv", [*words, "the ☃"])
    assert cli.main.main() == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["start"] == "the ☃"
    assert shown.err == "The vocabulary lacks '☃' of the start: shown to the network as unknown.\n"
    monkeypatch.setattr(sys, "argv", [*words, "☃"])
    assert cli.main.main() == 1
    assert "its vocabulary lacks '☃'" in json.loads(capsys.readouterr().out)["errors"][0]["problem"]


def test_a_gans_samples_are_a_picture(
    say: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sample(monkeypatch, say / "digits", "--count", 9) == 0
    assert capsys.readouterr().out == "written: samples.png\n"
    with Image.open("samples.png") as image:
        assert image.size == (3 * 60 + 4, 3 * 60 + 4)


def test_all_values_go_into_arrays(say: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _sample(monkeypatch, say / "digits", "--count", 12, "--seed", 3, "--out", "a.npz") == 0
    with np.load("a.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], sample(say / "digits", 12, seed=3).numpy())
        assert arrays["y"].tolist() == [*range(10), 0, 1]
    assert _sample(monkeypatch, say / "digits", "--count", 5, "--label", 7, "--out", "a.npz") == 0
    with np.load("a.npz") as arrays:
        assert arrays["y"].tolist() == [7] * 5
        np.testing.assert_array_equal(arrays["x"], sample(say / "digits", 5, labels=7).numpy())
    assert _sample(monkeypatch, say / "points", "--out", "a.npz") == 0
    with np.load("a.npz") as arrays:
        assert list(arrays) == ["x"] and arrays["x"].shape == (64, 2)


def test_rows_of_a_way(say: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _sample(monkeypatch, say / "digits", "--interpolate", 5, "--out", "way.png") == 0
    with Image.open("way.png") as image:
        assert image.size == (5 * 60 + 4, 8 * 60 + 4)
    assert _sample(monkeypatch, say / "digits", "--interpolate", 5, "--count", 2, "--out", "way.npz") == 0
    with np.load("way.npz") as arrays:
        assert arrays["x"].shape == (10, 1, 8, 8)
        assert arrays["y"].tolist() == [0] * 5 + [1] * 5
        steps = np.abs(np.diff(arrays["x"][:5], axis=0)).max(axis=(1, 2, 3))
    assert (steps > 0).all() and (steps < 0.6).all()


def test_points_are_drawn_over_those_of_the_data(say: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _sample(monkeypatch, say / "points", "--count", 200) == 0
    spec = loads(POINTS, folder=say)
    assert spec.data is not None and len(load_arrays(spec.data, say, "train").x)
    with Image.open("samples.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}
    assert (0x9C, 0xA3, 0xAF) in colours, "the data, grey"


def test_data_for_a_program(
    say: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sample(monkeypatch, say / "digits", "--count", 4, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"errors": [], "advice": [], "written": "samples.png", "samples": 4, "shape": [1, 8, 8]}


@pytest.mark.parametrize(
    ("run", "options", "told"),
    [
        ("digits", ["--label", "10"], "`--label` is from 0 to 9"),
        ("points", ["--label", "1"], "`--label` is for a conditional GAN"),
        ("digits", ["--start", "a"], "`--start` is for text"),
        ("digits", ["--temperature", "0.5"], "`--temperature` is for text"),
        ("digits", ["--interpolate", "1"], "--interpolate"),
        ("digits", ["--out", "a.jpg"], "ends neither in .png nor in .npz"),
        ("digits", ["--out", "no/a.png"], "there is no folder `no`"),
    ],
)
def test_wrong_usage_of_a_gan_is_told(
    say: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: str,
    options: list[str],
    told: str,
) -> None:
    assert _sample(monkeypatch, say / run, *options) == 2
    assert told in capsys.readouterr().err
    assert not Path("samples.png").exists()


@pytest.mark.parametrize("option", ["--interpolate", "--label", "--count"])
def test_a_text_has_no_samples(
    said: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert _sample(monkeypatch, said, option, 3) == 2
    assert f"`{option}` is for the run of a GAN" in capsys.readouterr().err


def test_a_run_that_is_not_finished_is_told(
    say: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(say / "points", tmp_path / "half")
    (tmp_path / "half" / "weights.safetensors").unlink()
    assert _sample(monkeypatch, tmp_path / "half") == 1
    assert "the run is not finished" in capsys.readouterr().err

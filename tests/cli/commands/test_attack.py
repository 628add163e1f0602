"""`gradspec attack`: the table, the data, the pictures, and what is said of attacks that are none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import cli.main
from builder import loads
from builder.runtime import Proof, evaluate, load_run, train

SPEC = """
name: small
input: [1, 8, 8]
layers: [Flatten, {Linear: 24}, ReLU, {Linear: 10}]
data:
  source: Digits
  preprocess: [{Rescale: [0, 10]}]
  split: {train: 0.8, test: 0.2}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 6, metrics: [accuracy], device: cpu, threads: 1}
attacks:
  grey: {FGSM: {eps: 4/255}}
  round: {PGD: {eps: 1.0, norm: L2, steps: 10}}
"""
Gradspec = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys.modules["builder.runtime.train"], "export", lambda what, path: Proof(0.0, 0.0, (), 0)
        )
        return train(loads(SPEC), tmp_path_factory.mktemp("runs") / "run").folder


@pytest.fixture
def gradspec(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Gradspec:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def attack(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gradspec", "attack", str(folder), *words])
        code = cli.main.main()
        return code, *capsys.readouterr()

    return attack


def test_the_table_has_a_row_for_each_distance(gradspec: Gradspec, folder: Path) -> None:
    words = ["--attack", "FGSM", "--attack", "{PGD: {eps: 0.1, steps: 10}}", "--eps", "0.2,0,8/255"]
    code, shown, _ = gradspec(*words)
    assert code == 0
    head, blank, columns, *rows = shown.splitlines()
    clean = evaluate(load_run(folder))["test_accuracy"]
    assert head == f"359 examples of the test part  {clean:.1%} right without an attack".replace("% ", " % ")
    assert blank == "" and columns.split() == ["eps", "(Linf)", "FGSM", "PGD", "all"]
    assert [row.split()[0] for row in rows] == ["0", "0.03137", "0.2"]
    assert rows[0].split()[1::2] == [f"{100 * clean:.1f}"] * 3

    code, shown, _ = gradspec(*words, "--json")
    found = json.loads(shown)
    assert code == 0 and found["errors"] == [] and found["clean"] == clean
    assert found["curves"]["FGSM"]["eps"] == [0, 8 / 255, 0.2]
    assert found["curves"]["PGD"]["attack"]["PGD"]["steps"] == 10
    assert [f"{100 * one:.1f}" for one in found["curves"]["PGD"]["accuracy"]] == [r.split()[3] for r in rows]
    assert found["doubts"] == [] and found["nearest"] == {}


def test_the_specs_own_attacks_are_the_default_each_at_its_own_distances(gradspec: Gradspec) -> None:
    code, shown, _ = gradspec("--examples", "50")
    assert code == 0
    columns = next(line for line in shown.splitlines() if "grey" in line)
    assert columns.split() == ["eps", "grey", "Linf", "round", "L2"]
    firsts = [line.split()[0] for line in shown.splitlines() if line.strip()[:1].isdigit()][1:]
    assert firsts == ["0", "0.003922", "0.007843", "0.01176", "0.01569", "0.25", "0.5", "0.75", "1"]
    _, one, _ = gradspec("--attack", "grey", "--json")
    assert list(json.loads(one)["curves"]) == ["grey"]


def test_a_norm_for_all(gradspec: Gradspec) -> None:
    code, shown, _ = gradspec(
        "--attack", "FGSM", "--attack", "PGD", "--norm", "L2", "--examples", "40", "--json"
    )
    curves = json.loads(shown)["curves"]
    assert code == 0 and curves["FGSM"]["eps"] == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert all(one["attack"][name]["norm"] == "L2" for name, one in curves.items())


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (["grey"], 3.0),  # its 4/255 was meant in Linf
        (["{PGD: {eps: 0.1, norm: Linf, alpha: 0.01, steps: 3}}"], 3.0),
        (["{PGD: {eps: 2, steps: 3}}"], 2.0),
        (["round"], 1.0),
    ],
)
def test_another_norm_has_other_distances(gradspec: Gradspec, words: list[str], last: float) -> None:
    code, shown, _ = gradspec("--attack", *words, "--norm", "L2", "--examples", "20", "--json")
    (curve,) = json.loads(shown)["curves"].values()
    (fields,) = curve["attack"].values()
    assert code == 0 and curve["eps"][-1] == last == fields["eps"]
    assert fields["norm"] == "L2" and fields.get("alpha") is None


def test_eps_is_not_for_attacks_that_look_for_the_nearest(gradspec: Gradspec) -> None:
    code, shown, _ = gradspec("--attack", "DeepFool", "--attack", "FGSM", "--eps", "0.1", "--examples", "20")
    assert code == 0
    assert "`--eps` is for the others: DeepFool looks for the nearest error" in " ".join(shown.split())
    _, shown, _ = gradspec("--attack", "FGSM", "--eps", "0.1", "--examples", "20")
    assert "for the others" not in shown


def test_no_picture_of_an_earlier_attack_stays(gradspec: Gradspec, tmp_path: Path) -> None:
    words = ("--attack", "FGSM", "--examples", "20", "--out", "seen", "--eps")
    gradspec(*words, "0.3")
    assert (tmp_path / "seen" / "examples.png").exists()
    code, shown, _ = gradspec(*words, "0")
    assert code == 0 and "examples.png" not in shown
    assert [one.name for one in (tmp_path / "seen").iterdir()] == ["accuracy.png"]


def test_attacks_that_look_for_the_nearest_say_how_far(gradspec: Gradspec) -> None:
    code, shown, _ = gradspec("--attack", "DeepFool", "--examples", "60")
    assert code == 0
    *_, columns, row = shown.splitlines()
    assert columns.split() == ["attack", "norm", "fooled", "median", "distance"]
    assert row.split()[0] == "DeepFool" and 0 < float(row.split()[-1]) < 5


def test_pictures(gradspec: Gradspec, tmp_path: Path) -> None:
    code, shown, _ = gradspec("--attack", "PGD", "--eps", "0,0.2", "--examples", "60", "--out", "seen")
    assert code == 0 and f"written: {Path('seen') / 'accuracy.png'}" in shown
    for name in ("accuracy.png", "examples.png"):
        with Image.open(tmp_path / "seen" / name) as image:
            assert image.format == "PNG" and min(image.size) > 300
            assert len(image.convert("L").getcolors() or range(300)) > 20


def test_what_makes_figures_doubtful_is_told(gradspec: Gradspec) -> None:
    code, shown, _ = gradspec("--attack", "{BIM: {eps: 0.2, alpha: 0.02, steps: 2}}", "--eps", "0.2")
    assert code == 0
    assert "Doubtful: BIM was not at its end" in shown


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--attack", "PDG"], 1, "`PDG` is no attack, and none that the spec of the run names"),
        (["--attack", "{PGD: {epsilon: 1}}"], 1, "`PGD` has no field `epsilon`"),
        (["--attack", "{PGD: {eps: 0.1"], 1, "--attack"),
        (["--attack", "{PGD: {eps: 8}}"], 1, "`eps` is 8, and the data's whole range is 1"),
        (["--eps", "8", "--attack", "PGD"], 1, "the data's whole range is 1"),
        (["--attack", "round", "--norm", "Linf", "--eps", "0,2"], 1, "cannot be asked for Linf"),
        (["--attack", "CW", "--norm", "Linf"], 1, "`CW` has no norm Linf"),
        (["--eps", "0.1", "--attack", "DeepFool"], 2, "DeepFool looks for the nearest error"),
        (["--eps", "1", "--attack", "CW", "--attack", "DeepFool"], 2, "CW and DeepFool look for the nearest"),
        (["--eps", "0,much"], 2, "'much' is no number"),
        (["--eps", "-1"], 2, "-1 is no distance"),
        (["--eps", "inf"], 2, "inf is no distance"),
        (["--eps", "1/0"], 2, "'1/0' is no number"),
        (["--norm", "L7"], 2, "`--norm` is Linf or L2, not 'L7'"),
        (["--split", "tests"], 1, "there is no part `tests`"),
        (["--split", "validation"], 1, "the data has no part `validation`"),
        (["--examples", "0"], 2, "--examples"),
    ],
)
def test_what_is_wrong_is_told(gradspec: Gradspec, words: list[str], code: int, told: str) -> None:
    ended, out, err = gradspec(*words)
    assert ended == code
    assert told in " ".join((out + err).split()), out + err
    if code == 1:
        ended, out, _ = gradspec(*words, "--json")
        assert ended == 1 and json.loads(out)["errors"]

"""`gradspec gradients`: its lines, its plots and its data."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import cli.main
from cli.commands.gradients import bars

MODEL = "input: [T, 4]\nlayers:\n  - {name: memory, LSTM: 8}\n  - Linear: 2\n"
WILD = """
input: [T, 4]
cells: {Wild: {states: [h], update: {h: exp(exp(h_prev)) + x}}}
layers: [{name: memory, Wild: 4}, {Linear: 2}]
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command beside `model.yaml`: its code, its output, what it says of errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("model.yaml").write_text(MODEL, encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gradspec", "gradients", *arguments])
        code = cli.main.main()
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_lines(gradients: Command) -> None:
    code, out, _ = gradients("model.yaml", "--length", "30")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "memory  LSTM, cₜ, with its first weights"
    assert lines[1] == "  loss: Σ v·output at the end of 16 random sequences"
    assert len(lines[3].strip()) == 30 and lines[3].endswith("█")
    assert lines[6] == "  steps before the last  ‖∂loss/∂cₜ‖  of the last"
    assert [line.split()[0] for line in lines[7:14]] == ["0", "1", "2", "5", "10", "20", "29"]
    assert lines[7].endswith("1.0e+00")
    assert lines[-1].startswith("On average a step back leaves 0.")


def test_json(gradients: Command) -> None:
    _, out, _ = gradients("model.yaml", "--length", "12", "--state", "f", "--json")
    data = json.loads(out)
    assert (data["layer"], data["cell"], data["state"], data["at"]) == ("memory", "LSTM", "f", "start")
    assert len(data["norms"]) == 12 and all(norm > 0 for norm in data["norms"][1:])
    code, out, _ = gradients("model.yaml", "--layer", "memry", "--json")
    assert code == 1
    assert json.loads(out)["errors"][0]["hint"] == "Did you mean `memory`?"


def test_what_is_no_number_has_a_mark_of_its_own(gradients: Command) -> None:
    Path("wild.yaml").write_text(WILD, encoding="utf-8")
    code, out, err = gradients("wild.yaml", "--length", "30")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[3] == "  " + "×" * 29 + "▁"
    assert lines[4].endswith("logarithmic; × is infinite or NaN")
    assert lines[8].split() == ["1", "×", "×"]
    assert " ".join(lines[15:]) == (
        "At 29 of 30 steps, from 1 to 29, the gradient is infinite or NaN. "
        "From step 3 on the cell itself computes what is infinite or NaN."
    )
    norms = json.loads(gradients("wild.yaml", "--length", "30", "--json")[1])["norms"]
    assert norms[:29] == [None] * 29 and norms[29] > 0


def test_a_way_back_that_overflows(gradients: Command) -> None:
    Path("steep.yaml").write_text(WILD.replace("exp(exp(h_prev)) + x", "1e30 * h_prev + 0 * x"), "utf-8")
    code, out, _ = gradients("steep.yaml", "--length", "20")
    assert code == 0
    assert "What the cell computes stays finite" in " ".join(out.split())
    assert gradients("steep.yaml", "--length", "5")[1].endswith("by 1.0e+30: it grows.\n")


@pytest.mark.parametrize("length", ["3", "30"])
def test_plots_of_what_is_no_number(gradients: Command, length: str) -> None:
    pytest.importorskip("matplotlib")
    Path("wild.yaml").write_text(WILD, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, _, err = gradients("wild.yaml", "--length", length, "--out", "plots")
    assert (code, err) == (0, "")
    assert (Path("plots") / "gates.png").read_bytes().startswith(b"\x89PNG")


def test_plots(gradients: Command) -> None:
    pytest.importorskip("matplotlib")
    code, out, _ = gradients("model.yaml", "--length", "12", "--out", "plots")
    assert code == 0
    assert out.endswith("written: plots/gradients.png\nwritten: plots/gates.png\n")
    for name in ("gradients.png", "gates.png"):
        assert (Path("plots") / name).read_bytes().startswith(b"\x89PNG")


def test_plots_without_matplotlib(gradients: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = gradients("model.yaml", "--length", "12", "--out", "plots")
    assert code == 1
    assert "plots need matplotlib" in err


def test_wrong_usage(gradients: Command) -> None:
    assert "`start` or `trained`, not 'end'" in gradients("model.yaml", "--at", "end")[2]
    assert gradients("model.yaml", "--length", "1")[0] == 2
    assert gradients("nothing")[0] == 2


def test_bars() -> None:
    assert bars([1.0] * 3, 80) == "▁▁▁"
    assert bars([0.0, 0.0], 80) == "  "
    assert len(bars([10.0**-i for i in range(1000)], 76)) == 76


def test_of_several_networks_none_is_followed(gradients: Command) -> None:
    text = "networks: {one: {input: [T, 4], layers: [{LSTM: 8}]}, other: {input: [2], layers: [{Linear: 1}]}}"
    Path("two.yaml").write_text(text, encoding="utf-8")
    code, _, err = gradients("two.yaml")
    assert code != 0 and "is of several networks" in err and "build_networks" not in err

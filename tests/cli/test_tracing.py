"""`gradspec gradients`: its lines, its plots and its data."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cli.main
from cli.tracing import bars

MODEL = "input: [T, 4]\nlayers:\n  - {name: memory, LSTM: 8}\n  - Linear: 2\n"

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

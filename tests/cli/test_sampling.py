"""`gradspec sample`: a text on the terminal, data for a program, and a run that cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import cli.main
from builder import loads
from builder.runtime import Proof, train

SPEC = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: 4}, {GRU: 4}, {Linear: $classes}]
data: {source: {Text: {path: a.txt, length: 10}}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""


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

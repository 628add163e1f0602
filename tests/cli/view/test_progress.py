"""A run is watched with a bar on a terminal and with plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

import pytest

from cli.view.progress import epoch_line

SPEC = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 1]}], split: {train: 0.5, validation: 0.4, test: 0.1}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 2, metrics: [accuracy], device: cpu, threads: 1}
"""
GAN = """\
networks:
  generator: {input: [2], layers: [{Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 1}]}
adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}}
data: {source: {GaussianRing: {examples: 500}}}
train: {epochs: 2, metrics: [modes], device: cpu, threads: 1}
"""


def _on_a_terminal(spec: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal is sent while the spec is trained."""
    (folder / "model.yaml").write_text(spec, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen: list[bytes] = []

    def read(terminal: int) -> bytes:
        seen.append(os.read(terminal, 1 << 16))
        return b"."

    code = "import sys; from cli.main import main; sys.exit(main())"
    status = pty.spawn(
        [sys.executable, "-c", code, "train", "model.yaml", "--out", "run"], read, lambda _: b""
    )
    shown = b"".join(seen).decode(errors="replace")
    assert os.waitstatus_to_exitcode(status) == 0, shown
    return shown


def test_an_epoch_in_one_line() -> None:
    figures = {
        "epoch": 3.0,
        "train_loss": 0.5,
        "validation_loss": 0.25,
        "validation_accuracy": None,
        "validation_f1": 0.75,
        "learning_rate": 0.1,
        "seconds": 1.25,
    }
    text = "".join(piece for _, piece in epoch_line(3, 10, figures))
    assert text == "epoch  3/10  loss 0.5000  validation loss 0.2500  f1 0.7500  1.2 s"


def test_an_epoch_of_a_game_in_one_line() -> None:
    figures = {
        "epoch": 1.0,
        "generator_loss": 0.7,
        "discriminator_loss": 1.4,
        "real_score": 0.5,
        "fake_score": 0.25,
        "modes": 8.0,
        "good_samples": None,
        "seconds": 2.0,
    }
    text = "".join(piece for _, piece in epoch_line(1, 2, figures))
    assert text == "epoch 1/2  loss of G 0.7000  of D 1.4000  D(x) 0.5000  D(G(z)) 0.2500  modes 8  2.0 s"


@pytest.mark.slow
def test_a_terminal_sees_a_bar_and_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _on_a_terminal(SPEC, tmp_path, monkeypatch)
    assert "━" in shown
    assert shown.count("validation loss") == 2
    assert "accuracy" in shown
    assert "\x1b[?25h" in shown  # the cursor is given back


@pytest.mark.slow
def test_a_game_is_watched_with_both_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _on_a_terminal(GAN, tmp_path, monkeypatch)
    assert "━" in shown
    assert shown.count("D(G(z))") >= 2
    for what in ("samples after each epoch: run/samples", "run/samples.gif", "run/curves.png"):
        assert what in re.sub(r"\x1b\[[0-9;]*m", "", shown)

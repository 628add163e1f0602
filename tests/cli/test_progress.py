"""A run is watched with a bar on a terminal and with plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from cli.progress import epoch_line

SPEC = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 1]}], split: {train: 0.5, validation: 0.4, test: 0.1}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 2, metrics: [accuracy], device: cpu, threads: 1}
"""


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


@pytest.mark.slow
def test_a_terminal_sees_a_bar_and_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
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
    assert "━" in shown
    assert shown.count("validation loss") == 2
    assert "accuracy" in shown
    assert "\x1b[?25h" in shown  # the cursor is given back

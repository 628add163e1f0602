"""`gradspec train`: a run folder, going on with it, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
GRADSPEC = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())"]
Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_a_run_is_written_and_goes_on(run: Run, tmp_path: Path, spec: Path) -> None:
    trained = run("train", "small.yaml", "--out", "run")
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.startswith("epoch 1/1  loss ")
    assert "\nproved: onnxruntime equals torch to " in trained.stdout
    assert "\x1b" not in trained.stdout
    assert (tmp_path / "run" / "weights.safetensors").is_file()

    again = run("train", "small.yaml", "--out", "run")
    assert (again.returncode, again.stdout) == (1, "")
    assert "`run` is not empty" in again.stderr
    assert "--resume" in again.stderr

    more = run("train", "small.yaml", "--out", "run", "--set", "train.epochs=4", "--resume")
    assert more.returncode == 0, more.stderr
    assert more.stdout.startswith("epoch 2/4  loss ")


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, spec: Path) -> None:
    process = subprocess.Popen(
        [*GRADSPEC, "train", "small.yaml", "--out", "a run", "--set", "train.epochs=100000"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "a run" / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    resume = "gradspec train small.yaml --out 'a run' --resume --set train.epochs=100000"
    assert stderr == f"Stopped. Go on with: {resume}\n"

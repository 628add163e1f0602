"""`gradspec evaluate`: figures of a run on a part of its data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_figures(run: Run, trained: Path) -> None:
    figures = json.loads(run("evaluate", str(trained), "--json").stdout)["figures"]
    assert set(figures) == {"test_loss", "test_accuracy"}
    shown = run("evaluate", str(trained), "--split", "train").stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["train_loss", "train_accuracy"]

"""`gradspec predict`: outputs for examples of a user's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_outputs(run: Run, tmp_path: Path, trained: Path) -> None:
    digits = load_digits()
    np.savez(tmp_path / "x.npz", x=(digits.images[:200, None] / 16).astype("float32"))
    predicted = run("predict", str(trained), "x.npz", "--json")
    outputs = json.loads(predicted.stdout)["outputs"]["output"]
    assert np.mean(np.argmax(outputs, axis=1) == digits.target[:200]) > 0.8
    shown = run("predict", str(trained), "x.npz").stdout.splitlines()
    assert shown[0].split() == ["output", "class", "probability"]
    assert shown[-1] == "… and 180 more; `--out` or `--json` gives all"
    assert run("predict", str(trained), "x.npz", "--out", "y.npz").stdout == "written: y.npz\n"
    with np.load(tmp_path / "y.npz") as arrays:
        np.testing.assert_allclose(arrays["output"], outputs, rtol=1e-6)


def test_what_is_no_array(run: Run, spec: Path, trained: Path) -> None:
    assert run("predict", str(trained), "small.yaml").returncode == 1

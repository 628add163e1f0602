"""The shipped ring: all eight modes, and most samples near one, whatever the seed."""

from __future__ import annotations

import importlib
import math
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from builder import load
from builder.runtime import Proof, sample, train

FILE = Path(str(files("specs") / "models" / "gan_ring.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_all_eight_modes(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("builder.runtime.games.train_gan")
    monkeypatch.setattr(module, "export", lambda what, path: Proof(0.0, 0.0, (), 0))
    run = train(load(FILE, sets=(f"train.seed={seed}", "train.device=cpu")), tmp_path / "run")
    # Minutes on one core, whatever this one is at.
    assert run.summary["generator_steps"] + run.summary["discriminator_steps"] <= 8000
    points = sample(run, 4000, seed=100 + seed).numpy()
    angles = np.arange(8) * math.pi / 4
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    distances = np.linalg.norm(points[:, None] - centres, axis=-1)
    good = distances.min(axis=1) <= 3 * 0.02
    assert good.mean() >= 0.8
    reached = np.bincount(distances[good].argmin(axis=1), minlength=8)
    assert reached.min() >= 0.05 * good.sum(), f"every mode has its share: {reached}"

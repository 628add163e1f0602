"""``evaluate`` and ``predict`` against plain torch and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import nn

from builder.errors import DataError, RunError
from builder.runtime import Run, evaluate, predict
from builder.runtime.data.splits import load_arrays


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_part(run: Run, split: str) -> None:
    assert run.spec.data is not None
    x, y, _ = load_arrays(run.spec.data, run.spec.folder, split)
    logits = predict(run, x)
    assert isinstance(logits, np.ndarray)
    found = evaluate(run, split)
    assert found[f"{split}_accuracy"] == pytest.approx(accuracy_score(y, logits.argmax(1)))
    loss = nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(y)).item()
    assert found[f"{split}_loss"] == pytest.approx(loss, rel=1e-5)
    if split == "validation":
        last = run.metrics[-1]
        assert found["validation_accuracy"] == last["validation_accuracy"]


def test_preprocessing_is_applied(run: Run) -> None:
    x = np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)
    scale, shift = run.preprocessing.scale[0], run.preprocessing.shift[0]
    assert (scale, shift) != (1.0, 0.0)
    expected = run.module(torch.from_numpy(x) * scale + shift).detach().numpy()
    assert np.allclose(predict(run, x.astype(np.float64)), expected, atol=1e-5)


def test_wrong_shapes_and_parts(run: Run) -> None:
    with pytest.raises(DataError, match="the network needs N×1×8×8"):
        predict(run, np.zeros((2, 1, 9, 8)))
    with pytest.raises(RunError, match="no part `held_out`"):
        evaluate(run, "held_out")

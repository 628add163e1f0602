"""What a network gives and how good that is: outputs on arrays, loss and metrics on a part of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from builder.dataset import PARTS
from builder.errors import DataError, RunError
from builder.runtime.data import load_arrays
from builder.runtime.measure import measure, outputs
from builder.runtime.module import inputs_of
from builder.runtime.run import Run

Array = NDArray[Any]


def evaluate(run: Run, split: str = "test") -> dict[str, float]:
    """Loss and metrics of a run's weights on ``train``, ``validation`` or ``test``, in float32.

    Keys are ``<split>_loss`` and ``<split>_<metric>``; the training part is taken without augmentation. Runs
    where ``run.module`` is. Raises ``RunError`` if the data is not there, or has no such part.
    """
    if split not in PARTS:
        raise RunError(f"there is no part `{split}`", f"Choose one of {', '.join(PARTS)}.")
    if run.spec.data is None or run.spec.train is None:
        raise RunError(
            f"The data of the run `{run.folder}` cannot be found, so there is nothing to evaluate on.",
            "Put it back where `spec.yaml` looks for it, or use `predict`.",
        )
    x, y = load_arrays(run.spec.data, run.spec.folder, split)
    return measure(
        run.module,
        run.preprocessing.apply_affine(torch.from_numpy(x)),
        torch.from_numpy(y),
        run.spec.train,
        split,
    )


def predict(run: Run, x: Array) -> Array | dict[str, Array]:
    """The network's output on examples as their source gives them: N×C×H×W in [0, 1] for images.

    All of ``preprocess`` is applied, as fitted in training. A dict by name where the spec has several
    outputs. Raises ``DataError`` if the examples do not have the shape that the network's input needs.
    """
    types = inputs_of(run.module)
    if len(types) != 1:
        raise RunError(f"The network has {len(types)} inputs, and `predict` takes one array.")
    (wanted,) = types.values()
    tokens = wanted.vocabulary is not None
    raw = torch.from_numpy(np.ascontiguousarray(x, dtype=np.int64 if tokens else np.float32))
    ready = run.preprocessing(raw) if not tokens else raw
    if tuple(ready.shape[1:]) != wanted.shape:
        raise DataError(
            f"the network needs {wanted}, and examples of {list(raw.shape)} give {list(ready.shape)}"
        )
    found = outputs(run.module, ready)
    arrays = {name: tensor.numpy() for name, tensor in found.items()}
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))

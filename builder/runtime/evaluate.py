"""What a network gives and how good that is: outputs on arrays, loss and metrics on a part of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from builder.errors import DataError, RunError
from builder.games.training import Game
from builder.runtime.data.splits import check_part, load_part
from builder.runtime.games.sample_quality import Judge
from builder.runtime.network.module import inputs_of, lengths_of
from builder.runtime.runs.run import Run, refuse_gan
from builder.runtime.training.outputs import measure, naive, outputs

Array = NDArray[Any]


def evaluate(run: Run, split: str = "test") -> dict[str, float]:
    """Loss and metrics of a run's weights on ``train``, ``validation`` or ``test``, in float32.

    Keys are ``<split>_loss`` and ``<split>_<metric>``; the training part is taken without augmentation. Of a
    GAN they are ``<split>_<figure>`` of every measure in ``train.metrics``, samples held against that part. Runs
    where ``run.module`` is. Raises ``RunError`` if the data is not there, or has no such part.
    """
    check_part(split)
    section = run.spec.game or run.spec.train
    if run.spec.data is None or section is None:
        raise RunError(
            f"The data of the run `{run.folder}` cannot be found, so there is nothing to evaluate on.",
            "Put it back where `spec.yaml` looks for it, or use `predict`.",
        )
    part = load_part(run.spec.data, run.spec.folder, split, run.preprocessing)
    fitted = run.preprocessing
    if isinstance(section, Game):
        trained = load_part(run.spec.data, run.spec.folder, "train", fitted)
        judge, rules = Judge(run.spec, trained, fitted, run.bounds), run.spec.adversarial
        assert rules is not None, "a game has its rules"
        found = judge.of(run.module, run.players[rules.discriminator], part)
        return {f"{split}_{name}": value for name, value in found.items()}
    figures = measure(run.module, part, section, split, preprocessing=fitted)
    return figures | naive(part, section, split, fitted)


def predict(run: Run, x: Array, lengths: Array | None = None) -> Array | dict[str, Array]:
    """The network's output on examples as their source gives them: N×C×H×W in [0, 1] for images.

    All of ``preprocess`` is applied, as fitted in training, and undone for a forecast. ``lengths`` (int64, N)
    are those of sequences that are padded at the end; what comes out at padded steps means nothing. A dict by
    name where the spec has several outputs. Raises ``DataError`` if the examples do
    not have the shape that the network's input needs.
    """
    refuse_gan(run, "`sample` asks it for samples.")
    types = inputs_of(run.module)
    if len(types) != 1:
        raise RunError(f"The network has {len(types)} inputs, and `predict` takes one array.")
    (wanted,) = types.values()
    raw = torch.from_numpy(np.ascontiguousarray(x, dtype=np.int64 if wanted.vocabulary else np.float32))
    ready = run.preprocessing(raw) if wanted.vocabulary is None else raw
    if not wanted.fits(ready.shape[1:]):
        raise DataError(
            f"the network needs {wanted}, and examples of {list(raw.shape)} give {list(ready.shape)}"
        )
    if (
        wanted.vocabulary is not None
        and raw.numel()
        and not 0 <= int(raw.min()) <= int(raw.max()) < wanted.vocabulary
    ):
        raise DataError(f"tokens lie from 0 to {wanted.vocabulary - 1}, and some here do not")
    if lengths is not None and not lengths_of(run.module):
        raise DataError(f"the network needs {wanted}, all of one length, and lengths are given")
    ends = None if lengths is None else torch.from_numpy(np.ascontiguousarray(lengths, dtype=np.int64))
    if ends is not None and (tuple(ends.shape) != (len(raw),) or not _within(ends, raw.shape[1])):
        raise DataError(f"lengths are one for each of {len(raw)} examples, from 1 to {raw.shape[1]}")
    answers = outputs(run.module, ready, lengths=ends)
    arrays = {name: run.preprocessing.in_units(tensor).numpy() for name, tensor in answers.items()}
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))


def _within(lengths: torch.Tensor, steps: int) -> bool:
    return not len(lengths) or 1 <= int(lengths.min()) <= int(lengths.max()) <= steps

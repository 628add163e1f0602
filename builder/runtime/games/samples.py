"""Samples: noise drawn, a generator asked, and its answer in the units of the data's source."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from builder.data.transforms.transform import Range
from builder.errors import RunError
from builder.games.section import Noise
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.network.memory_format import channels_last
from builder.runtime.network.module import Network, examples_at_once, inputs_of
from builder.runtime.runs.run import Run, load_run

MOST: Final = 1_000_000  # samples at once
LARGEST_SEED: Final = 2**63 - 1
_WHOLE: Final = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def sample(
    run: Run | Path | str, n: int, seed: int = 0, labels: Tensor | Sequence[int] | int | None = None
) -> Tensor:
    """``n`` samples of a GAN's run, or of the run in a folder: N×…, float32, on the CPU.

    They are in the units of the data's source (images: [0, 1]): the affine steps of ``preprocess`` are undone,
    and values beyond the source's declared range are brought to its ends. The noise is drawn from
    ``torch.Generator().manual_seed(seed)``: the same run, torch, n and seed give the same samples. ``labels``
    are the classes of a conditional run: one for all, or one each; absent: 0, 1, 2 … in turn. Raises
    ``RunError`` for a run that is no GAN's, for labels that it does not know, and for a number or a seed out of
    range.
    """
    run = run if isinstance(run, Run) else load_run(run)
    return from_noise(run, noise_of(run, n, seed), labels)


def noise_of(run: Run, n: int, seed: int = 0) -> Tensor:
    """The noise that ``sample`` begins with, N×…. Raises ``RunError`` as it does."""
    if run.spec.adversarial is None:
        raise RunError(
            f"The run `{run.folder}` has no generator to sample from.", "A spec with `adversarial` makes one."
        )
    n, seed = index(n), index(seed)
    if not 1 <= n <= MOST:
        raise RunError(f"The number of samples is from 1 to {MOST}, not {n}.")
    if not 0 <= seed <= LARGEST_SEED:
        raise RunError(f"A seed is from 0 to {LARGEST_SEED}, not {seed}.")
    return drawn(run.spec.adversarial.noise, n, torch.Generator().manual_seed(seed))


def from_noise(run: Run, noise: Tensor, labels: Tensor | Sequence[int] | int | None = None) -> Tensor:
    """What the run's generator makes of this noise (N×…, as ``noise_of`` gives it), as ``sample`` does.

    The way between two points of noise is seen by handing in the points between them.
    """
    given = _labels(run, labels, len(noise))
    made = answers(run.module, noise, *(() if given is None else (given,)))
    return in_source_units(made, run.preprocessing, run.bounds)


def drawn(noise: Noise, n: int, chance: torch.Generator) -> Tensor:
    """``n`` draws of the noise, on the CPU whatever the device: it is the same on all of them."""
    assert isinstance(noise.size, tuple), "a spec that was checked says the noise's shape"
    if noise.distribution == "uniform":
        return torch.rand(n, *noise.size, generator=chance).mul_(2).sub_(1)
    return torch.randn(n, *noise.size, generator=chance)


def in_turn(network: Network, n: int) -> Tensor | None:
    """The classes 0, 1, 2 … again and again, for ``n`` examples; None if the network has no input of classes."""
    classes = classes_of(network)
    return None if classes is None else torch.arange(n) % classes


def classes_of(network: Network) -> int | None:
    """How many classes the network's input of classes has; None if it has no such input."""
    label = inputs_of(network).get("label")
    return None if label is None else label.vocabulary


def answers(network: Network, *inputs: Tensor) -> Tensor:
    """The network's output on all of these, in pieces that fit, in ``eval`` mode; on the CPU."""
    device = next((weight.device for weight in network.parameters()), inputs[0].device)
    training, size = network.training, examples_at_once(network)
    parts: list[Tensor] = []
    network.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(inputs[0]), size):
                here = [channels_last(x[start : start + size].to(device)) for x in inputs]
                answer = network(*here)
                assert isinstance(answer, Tensor), "a player has one output"
                parts.append(answer.cpu())
    finally:
        network.train(training)
    return torch.cat(parts).clone().contiguous()  # cloned: out of inference mode


def in_source_units(x: Tensor, preprocessing: Preprocessing, bounds: Range | None) -> Tensor:
    """Examples as they arrive at a network, N×…, in their source's units again, within its range."""
    x = preprocessing.undo_affine(x)
    return x if bounds is None else x.clamp(*bounds)


def _labels(run: Run, labels: Tensor | Sequence[int] | int | None, n: int) -> Tensor | None:
    """One class for each of ``n`` samples, int64; None for a run without classes."""
    classes = classes_of(run.module)
    if classes is None:
        if labels is not None:
            raise RunError(
                f"The run `{run.folder}` was not told of classes, and labels are given.",
                "A spec with `adversarial: {conditional: {label: embed}}` is.",
            )
        return None
    if labels is None:
        return in_turn(run.module, n)
    wanted = f"Labels are whole numbers, one for all or one for each of {n} samples"
    try:
        given = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # a word, a ragged list, beyond int64
        raise RunError(f"{wanted}, not {repr(labels)[:60]}.") from None
    if given.dim() == 0:
        given = given.expand(n)
    if given.dtype not in _WHOLE or tuple(given.shape) != (n,):
        given_as = f"{list(given.shape)} of {str(given.dtype).removeprefix('torch.')}"
        raise RunError(f"{wanted}, not {given_as}.")
    if not 0 <= int(given.min()) <= int(given.max()) < classes:
        raise RunError(
            f"The run knows the classes 0 to {classes - 1}, and labels from {int(given.min())} to "
            f"{int(given.max())} are given."
        )
    return given.long()

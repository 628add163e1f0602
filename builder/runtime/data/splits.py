"""Data as tensors on the device: loaded once, parted, and cut into batches by indexing.

A ``DataLoader`` copies example by example; data this small is indexed where the network runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from builder.data.info import PARTS, DataInfo, Examples, Target
from builder.data.section import Data, Split, check_labels
from builder.data.transforms.transform import Adding, Addition, Augmentation, Geometry, Range
from builder.errors import Cause, DataError, RunError
from builder.runtime.data.preprocessing import Preprocessing


class Batch(NamedTuple):
    """Examples as they arrive at the network, and their targets.

    Sequences of unequal ``lengths`` (int64, N, on the CPU) are padded at the end to the longest of them.
    """

    x: Tensor
    y: Tensor
    lengths: Tensor | None = None


class Arrays(NamedTuple):
    """The same as arrays; ``y`` is as its source gives it."""

    x: NDArray[Any]
    y: NDArray[Any]
    lengths: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples as they arrive at the network, on the device, and their targets.

    With ``per_step`` there is a target for each step of the sequences, which are ``lengths`` long.
    """

    x: Tensor
    y: Tensor
    lengths: Tensor | None = None
    per_step: bool = False

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator[Batch]:
        """All examples in order, in pieces of at most ``size``."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size), self.x)

    def take(self, chosen: slice | Tensor, x: Tensor) -> Batch:
        """Some of the examples, their values from ``x``; padding that none of them needs is left out."""
        if self.lengths is None:
            return Batch(_chosen(x, chosen), _chosen(self.y, chosen))
        lengths = _chosen(self.lengths, chosen.to("cpu") if isinstance(chosen, Tensor) else chosen)
        longest = int(lengths.max())
        y = _chosen(self.y, chosen)
        return Batch(_chosen(x, chosen)[:, :longest], y[:, :longest] if self.per_step else y, lengths)


def _chosen(values: Tensor, chosen: slice | Tensor) -> Tensor:
    return values[chosen] if isinstance(chosen, slice) else values.index_select(0, chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Everything a run needs of its data.

    ``train.x`` is not augmented; ``batches`` is, where the spec says so. ``info`` describes what arrives at
    the network.
    """

    info: DataInfo
    train: Part
    validation: Part | None
    test: Part | None
    preprocessing: Preprocessing
    batch_size: int
    shuffle: bool
    seed: int
    augmentations: tuple[Augmentation | Adding, ...] = ()
    bounds: Range | None = None  # the source's declared range
    _raw: Tensor | None = None  # the training part before the affine step, where it is augmented

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self._cuts())

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The training batches of an epoch (from 0): shuffled, augmented, and as they arrive at the network.

        Order and draws follow from the seed and the epoch alone, and are the same on every device; a run that
        is resumed needs no more.
        """
        generator = torch.Generator().manual_seed(mixed(self.seed, epoch))
        count = len(self.train)
        order = torch.randperm(count, generator=generator) if self.shuffle else torch.arange(count)
        every = self.train.x if self._raw is None else self._raw
        for cut in torch.split(order.to(every.device), self._cuts()):
            batch = self.train.take(cut, every)
            yield batch if self._raw is None else self._augmented(batch, generator)

    def _augmented(self, batch: Batch, generator: torch.Generator) -> Batch:
        """A batch before the affine step, as it arrives at the network."""
        x, y = batch.x, batch.y
        for step in self.augmentations:
            if isinstance(step, Augmentation):
                x = step.apply(x, generator)
            else:
                x, y = step(x, y, generator)
        return batch._replace(x=self.preprocessing.apply_affine(x), y=y)

    def _cuts(self) -> list[int]:
        """Their sizes. A last batch of one joins the one before: BatchNorm cannot normalise one value."""
        whole, rest = divmod(len(self.train), self.batch_size)
        sizes = [self.batch_size] * whole + ([rest] if rest else [])
        if rest == 1 and whole:
            sizes[-2:] = [self.batch_size + 1]
        return sizes


def load_splits(data: Data, folder: Path, *, seed: int = 0, device: torch.device | str = "cpu") -> Splits:
    """Loads, parts and preprocesses data.

    ``folder`` is that of the file that names the data; ``seed`` orders the batches. Raises ``DataError``.
    """
    source, info = _described(data, folder)
    parts = _parts(data, source, _load(data, folder, source))
    raw = {name: _tensors(data.geometry, part) for name, part in parts.items()}
    preprocessing = Preprocessing.fit(data, source, raw["train"].x)
    ready = {name: _ready(part, preprocessing, source.target, device) for name, part in raw.items()}
    return Splits(
        info,
        ready["train"],
        ready.get("validation"),
        ready.get("test"),
        preprocessing,
        data.batch_size,
        data.shuffle,
        seed,
        tuple(step.open(folder) if isinstance(step, Addition) else step for step in data.augmentations),
        source.range,
        raw["train"].x.to(device) if data.augmentations else None,
    )


def load_part(data: Data, folder: Path, part: str, preprocessing: Preprocessing) -> Part:
    """One part of data as it arrives at a network, on the CPU, preprocessed as was fitted before.

    Raises ``DataError`` if there is no such part.
    """
    source, _ = _described(data, folder)
    parts = _parts(data, source, _load(data, folder, source))
    return _ready(_tensors(data.geometry, _named(parts, part)), preprocessing, source.target, "cpu")


def _ready(raw: Batch, preprocessing: Preprocessing, target: Target, device: torch.device | str) -> Part:
    x, y = preprocessing.apply_affine(raw.x), preprocessing.targets(raw.y)
    return Part(x.to(device), y.to(device), raw.lengths, target.steps is not None)


def check_part(name: str) -> None:
    """Raises ``RunError`` for a name that no part of any data has."""
    if name not in PARTS:
        raise RunError(f"there is no part `{name}`", f"Choose one of {', '.join(PARTS)}.")


def _named(parts: dict[str, Examples], name: str) -> Examples:
    if name not in parts:
        raise DataError(
            f"the data has no part `{name}`", f"It has {', '.join(f'`{known}`' for known in parts)}."
        )
    return parts[name]


def load_arrays(data: Data, folder: Path, part: str | None = None) -> Arrays:
    """Examples after geometry, before the affine step, and their targets: what a grader hands to a network.

    ``part`` is ``train``, ``validation`` or ``test``; None: all examples, the source's own test part last.
    Raises ``DataError``.
    """
    source, _ = _described(data, folder)
    examples = _load(data, folder, source)
    if part is None:
        chosen = [examples, *([examples.test] if examples.test else [])]
    else:
        chosen = [_named(_parts(data, source, examples), part)]
    x = np.concatenate([_tensors(data.geometry, examples).x.numpy() for examples in chosen])
    # All of a source's examples have lengths, or none has.
    lengths = [examples.lengths for examples in chosen if examples.lengths is not None]
    return Arrays(
        x, np.concatenate([examples.y for examples in chosen]), np.concatenate(lengths) if lengths else None
    )


def _described(data: Data, folder: Path) -> tuple[DataInfo, DataInfo]:
    try:
        return data.fitted.describe(folder), data.describe(folder)
    except Cause as cause:
        raise DataError(cause.problem, cause.hint) from None


def _load(data: Data, folder: Path, source: DataInfo) -> Examples:
    examples = data.fitted.load(folder)
    counts = (len(examples.x), 0 if examples.test is None else len(examples.test.x))
    if counts != (source.examples, source.test_examples):
        raise DataError("the data changed while it was being read", "Run again.")
    return examples


def _parts(data: Data, source: DataInfo, examples: Examples) -> dict[str, Examples]:
    """The parts that hold anything, by name."""
    split: Split = data.splits(source)
    one_class_each = source.target.classes if source.target.steps is None else None
    indices = (
        {
            name: np.arange(len(examples.x))[chosen.start : chosen.stop]
            for name, chosen in split.in_order(len(examples.x), source.overlap).items()
        }
        if source.ordered
        else split.indices(examples.y, one_class_each)
    )
    parts = {name: examples.take(chosen) for name, chosen in indices.items()}
    if examples.test is not None:
        parts["test"] = examples.test
    if one_class_each is not None and source.target.classes is not None:
        check_labels({name: part.y for name, part in parts.items()}, source.target.classes)
    return {name: parts[name] for name in PARTS if len(parts[name].x)}


def _tensors(geometry: tuple[Geometry, ...], part: Examples) -> Batch:
    x = torch.from_numpy(np.ascontiguousarray(part.x))
    y = torch.from_numpy(np.ascontiguousarray(part.y))
    lengths = None if part.lengths is None else torch.from_numpy(part.lengths)
    return Batch(Preprocessing(geometry).apply_geometry(x), y, lengths)


def mixed(seed: int, epoch: int) -> int:
    """One seed of two: distinct for all that a course will meet, and below torch's limit."""
    return (seed * 0x9E3779B97F4A7C15 + epoch) % (1 << 63)

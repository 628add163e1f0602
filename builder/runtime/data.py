"""Data as tensors on the device: loaded once, parted, and cut into batches by indexing.

A ``DataLoader`` copies example by example; data this small is indexed where the network runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from builder.component import to_plain
from builder.dataset import PARTS, Data, DataInfo, Examples, Split, check_labels
from builder.errors import Cause, DataError
from builder.transform import Augmentation, Geometry, transforms

MAX_CHANNELS: Final = 1 << 16  # more do not fit the header of a weights file
MAX_STEPS: Final = 64
_CHUNK: Final = 1024  # examples resized at once: bounds what geometry allocates beside its result


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """What stands between an example as its source gives it and the network: fitted, frozen, JSON-able.

    ``scale`` and ``shift`` hold one value per channel (or feature), or one for all; ``x·scale + shift`` is
    what arrives at the network. ``fitted`` says for people what was fitted; ``classes`` are the class names.
    """

    geometry: tuple[Geometry, ...] = ()
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)
    fitted: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, data: Data, source: DataInfo, x: Tensor | None = None) -> Preprocessing:
        """Fits ``data.preprocess``; ``x`` is the training part after geometry (N×…), in the source's range.

        Raises ``DataError`` if a step needs the training part and ``x`` is none.
        """
        scale, shift = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        span = source.range
        for step in data.affine:
            if step.fits and x is None:
                raise DataError(
                    f"`{type(step).__name__}` was fitted on training data, and nothing says what it found",
                    "It travels in the weights file's metadata: use the weights that the run wrote.",
                )
            arrives = None if x is None else _affine(x.double(), scale, shift)
            more, add = step.fit(arrives, span)
            scale, shift = scale * more, shift * more + add
            span = step.range_after(span)
        return cls(
            data.geometry,
            tuple(scale.tolist()),
            tuple(shift.expand(scale.shape).tolist()),
            tuple(type(step).__name__ for step in data.affine),
            source.target.names,
        )

    @property
    def is_identity(self) -> bool:
        """Whether the affine step changes nothing."""
        return set(self.scale) == {1.0} and set(self.shift) == {0.0}

    def apply_geometry(self, x: Tensor) -> Tensor:
        """N×C×H×W as the source gives it, after the steps that run once."""
        if not self.geometry:
            return x
        return torch.cat([self._geometry(part) for part in torch.split(x, _CHUNK)])

    def _geometry(self, x: Tensor) -> Tensor:
        for step in self.geometry:
            x = step.apply(x)
        return x

    def apply_affine(self, x: Tensor) -> Tensor:
        """What arrives at the network, for examples after geometry; differentiable, on ``x``'s device."""
        if self.is_identity:
            return x
        scale = torch.tensor(self.scale, dtype=x.dtype, device=x.device)
        shift = torch.tensor(self.shift, dtype=x.dtype, device=x.device)
        return _affine(x, scale, shift)

    def __call__(self, x: Tensor) -> Tensor:
        """Examples as their source gives them to what arrives at the network."""
        return self.apply_affine(self.apply_geometry(x))

    def to_json(self) -> str:
        """All of it as one line of JSON, for the metadata of weights and ONNX files."""
        return json.dumps(
            {
                "geometry": [to_plain(step) for step in self.geometry],
                "scale": self.scale,
                "shift": self.shift,
                "fitted": self.fitted,
                "classes": self.classes,
            },
            ensure_ascii=True,
        )

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """What ``to_json`` wrote. Raises ``DataError`` for anything else: the text may come from anyone."""
        try:
            found = json.loads(text)
            geometry = tuple(_geometry_step(step) for step in found["geometry"][:MAX_STEPS])
            scale, shift = (_reals(found[key]) for key in ("scale", "shift"))
            fitted, classes = (_texts(found[key]) for key in ("fitted", "classes"))
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,  # a whole number beyond all floats
            RecursionError,
            ValidationError,
            Cause,
        ):
            raise DataError("the preprocessing in the metadata is not what `train` writes") from None
        if len(scale) != len(shift):
            raise DataError("the preprocessing in the metadata has not as many scales as shifts")
        return cls(geometry, scale, shift, fitted, classes)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples as they arrive at the network, on the device, and their targets."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, in pieces of at most ``size``."""
        yield from zip(torch.split(self.x, size), torch.split(self.y, size), strict=True)


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
    augmentations: tuple[Augmentation, ...] = ()
    _raw: Tensor | None = None  # the training part before the affine step, where it is augmented

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self._cuts())

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The training batches of an epoch (from 0): shuffled, augmented, and as they arrive at the network.

        Order and draws follow from the seed and the epoch alone, and are the same on every device; a run that
        is resumed needs no more.
        """
        generator = torch.Generator().manual_seed(_mix(self.seed, epoch))
        count = len(self.train)
        order = torch.randperm(count, generator=generator) if self.shuffle else torch.arange(count)
        x = self.train.x if self._raw is None else self._raw
        for cut in torch.split(order.to(x.device), self._cuts()):
            batch = x.index_select(0, cut)
            if self._raw is not None:
                for step in self.augmentations:
                    batch = step.apply(batch, generator)
                batch = self.preprocessing.apply_affine(batch)
            yield batch, self.train.y.index_select(0, cut)

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
    preprocessing = Preprocessing.fit(data, source, raw["train"][0])
    ready = {
        name: Part(preprocessing.apply_affine(x).to(device), y.to(device)) for name, (x, y) in raw.items()
    }
    return Splits(
        info,
        ready["train"],
        ready.get("validation"),
        ready.get("test"),
        preprocessing,
        data.batch_size,
        data.shuffle,
        seed,
        data.augmentations,
        raw["train"][0].to(device) if data.augmentations else None,
    )


def load_arrays(data: Data, folder: Path, part: str | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Examples after geometry, before the affine step, and their targets: what a grader hands to a network.

    ``part`` is ``train``, ``validation`` or ``test``; none: all examples, the source's own test part last.
    Raises ``DataError``.
    """
    source, _ = _described(data, folder)
    examples = _load(data, folder, source)
    if part is None:
        chosen = [examples, *([examples.test] if examples.test else [])]
    else:
        parts = _parts(data, source, examples)
        if part not in parts:
            raise DataError(
                f"the data has no part `{part}`", f"It has {', '.join(f'`{name}`' for name in parts)}."
            )
        chosen = [parts[part]]
    x = np.concatenate([_tensors(data.geometry, one)[0].numpy() for one in chosen])
    return x, np.concatenate([one.y for one in chosen])


def _described(data: Data, folder: Path) -> tuple[DataInfo, DataInfo]:
    try:
        return data.source.describe(folder), data.describe(folder)
    except Cause as cause:
        raise DataError(cause.problem, cause.hint) from None


def _load(data: Data, folder: Path, source: DataInfo) -> Examples:
    examples = data.source.load(folder)
    found = (len(examples.x), 0 if examples.test is None else len(examples.test.x))
    if found != (source.examples, source.test_examples):
        raise DataError("the data changed while it was being read", "Run again.")
    return examples


def _parts(data: Data, source: DataInfo, examples: Examples) -> dict[str, Examples]:
    """The parts that hold anything, by name."""
    split: Split = data.splits(source)
    indices = split.indices(examples.y, source.target.classes)
    parts = {name: Examples(examples.x[chosen], examples.y[chosen]) for name, chosen in indices.items()}
    if examples.test is not None:
        parts["test"] = examples.test
    if source.target.classes is not None:
        check_labels({name: part.y for name, part in parts.items()}, source.target.classes)
    return {name: parts[name] for name in PARTS if len(parts[name].x)}


def _tensors(geometry: tuple[Geometry, ...], part: Examples) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(np.ascontiguousarray(part.x))
    return Preprocessing(geometry).apply_geometry(x), torch.from_numpy(np.ascontiguousarray(part.y))


def _affine(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    shape = (-1, *[1] * (x.dim() - 2))
    return x * scale.view(shape) + shift.view(shape)


def _mix(seed: int, epoch: int) -> int:
    """One seed of two: distinct for all that a course will meet, and below torch's limit."""
    return (seed * 0x9E3779B97F4A7C15 + epoch) % (1 << 63)


def _geometry_step(step: dict[str, dict[str, Any]]) -> Geometry:
    ((name, fields),) = step.items()
    made = transforms.get(name).model_validate(fields)
    if not isinstance(made, Geometry):
        raise TypeError(name)
    return made


def _reals(values: list[Any]) -> tuple[float, ...]:
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_CHANNELS:
        raise ValueError(values)
    numbers = tuple(float(value) for value in values)
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(values)
    return numbers


def _texts(values: list[Any]) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(values)
    return tuple(values)

"""What preprocessing is once it is fitted: geometry, then a scale and a shift; written down and read back."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final

import torch
from pydantic import ValidationError
from torch import Tensor

from builder.component import to_plain
from builder.data.info import DataInfo
from builder.data.section import Data
from builder.data.transforms.transform import Geometry, transforms
from builder.errors import Cause, DataError

MAX_CHANNELS: Final = 1 << 16  # more do not fit the header of a weights file
MAX_STEPS: Final = 64
_CHUNK: Final = 1024  # examples resized at once: bounds what geometry allocates beside its result


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """What stands between an example as its source gives it and the network: fitted, frozen, JSON-able.

    ``scale`` and ``shift`` hold one value per channel (or feature), or one for all; ``x·scale + shift`` is
    what arrives at the network. ``fitted`` says for people what was fitted; ``classes`` are the class names,
    ``vocabulary`` the tokens by their numbers. With ``forecast`` the targets and the outputs are scaled as
    the inputs are.
    """

    geometry: tuple[Geometry, ...] = ()
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)
    fitted: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    forecast: bool = False

    @classmethod
    def fit(cls, data: Data, source: DataInfo, x: Tensor | None = None) -> Preprocessing:
        """Fits ``data.preprocess``; ``x`` is the training part after geometry (N×…), in the source's range.

        Raises ``DataError`` if a step needs the training part and ``x`` is None.
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
            source.vocabulary,
            source.target.forecast,
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
        scale, shift = self._values(x)
        return _affine(x, scale, shift)

    def undo_affine(self, x: Tensor) -> Tensor:
        """Examples after geometry, for what arrives at the network."""
        if self.is_identity:
            return x
        scale, shift = (per_channel(values, x) for values in self._values(x))
        return (x - shift) / scale

    def _values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and shifts in ``x``'s precision, on its device."""
        scale, shift = (
            torch.tensor(values, dtype=x.dtype, device=x.device) for values in (self.scale, self.shift)
        )
        return scale, shift

    def targets(self, y: Tensor) -> Tensor:
        """Targets as the loss sees them: a forecast's as the inputs."""
        return y * self.scale[0] + self.shift[0] if self.forecast and not self.is_identity else y

    def in_units(self, y: Tensor) -> Tensor:
        """Outputs or targets in the source's own units: undoes ``targets``."""
        return (y - self.shift[0]) / self.scale[0] if self.forecast and not self.is_identity else y

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
                "vocabulary": self.vocabulary,
                "forecast": self.forecast,
            },
            ensure_ascii=True,
        )

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """What ``to_json`` wrote. Raises ``DataError`` for anything else: the text may come from anyone."""
        try:
            written = json.loads(text)
            geometry = tuple(_geometry_step(step) for step in written["geometry"][:MAX_STEPS])
            scale, shift = (_reals(written[key]) for key in ("scale", "shift"))
            fitted, classes = (_texts(written[key]) for key in ("fitted", "classes"))
            vocabulary, forecast = (
                _texts(written.get("vocabulary", [])),
                written.get("forecast", False) is True,
            )
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
        return cls(geometry, scale, shift, fitted, classes, vocabulary, forecast)


def per_channel(values: Tensor, x: Tensor) -> Tensor:
    """One value per channel of N×C×H×W, or per feature of N×T×F or N×F, shaped to go with ``x``."""
    return values.view((-1,) if x.dim() == 3 else (-1, *[1] * (x.dim() - 2)))


def _affine(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return x * per_channel(scale, x) + per_channel(shift, x)


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

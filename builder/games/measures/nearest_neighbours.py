"""nearest_neighbours: whether samples are examples of the training part, learnt by heart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, final

from builder.component import Accepted, Rejected
from builder.data.info import DataInfo
from builder.data.section import Data
from builder.errors import Cause
from builder.fields import Count, Natural, Probability
from builder.games.features import finite, refuse_tokens
from builder.games.measures.measure import Measure, Sampled

if TYPE_CHECKING:
    from torch import Tensor

CHUNK: Final = 256  # points compared with all training examples at once


@final
class nearest_neighbours(Measure):
    """How near samples are to examples that the generator was trained on: the share of copies, and a ratio.

    A sample is a copy if its nearest training example is nearer than ``closer`` times the mean distance of its
    ``of_nearest`` nearest. ``nearest_ratio`` is the median distance of samples to the training part over that
    of held-out examples: 1 for a generator that makes new ones, 0 for one that repeats. Images are compared
    under all shifts by up to ``shift`` pixels, where they overlap: moved copies are copies.
    Source: Carlini et al., "Extracting Training Data from Diffusion Models" (2023), section 5.1, whose α is
    ``closer`` (.5 there; of new 8×8 digits a tenth would be copies then, and none at .33); Meehan et al.,
    "A Non-Parametric Test to Detect Data-Copying in Generative Models" (2020).
    """

    figures = ("copied", "nearest_ratio")
    better: ClassVar[Mapping[str, Literal["higher", "lower"]]] = {"copied": "lower"}
    accepts = (Accepted(""), Accepted("{closer: 0.5, of_nearest: 20, shift: 0}"))
    rejects = (
        Rejected("{closer: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("{shift: 0.5}", "expected a whole number of at least 0, found the real number 0.5"),
    )

    closer: Probability = 0.33
    of_nearest: Count = 50
    shift: Natural = 1

    def check(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause`` for tokens, and for a ``shift`` of half an image or more."""
        refuse_tokens(info, "nearest_neighbours")
        if len(info.input.shape) == 3 and 2 * self.shift >= min(info.input.sized(1)[1:]):
            raise Cause(
                f"images of {info.input} shifted by {self.shift} hardly overlap",
                "Write a smaller `shift`.",
                field="shift",
            )

    def of(self, sampled: Sampled) -> dict[str, float]:
        """``copied``, a share of the samples, and ``nearest_ratio``, which is NaN where no distance is known."""
        samples = sampled.samples[finite(sampled.samples)]
        nearest = self._nearest(samples, sampled.trained)
        held_out = self._nearest(sampled.real, sampled.trained)[:, 0]
        copied = nearest[:, 0] < self.closer * nearest.mean(1)
        known = len(nearest) > 0 and len(held_out) > 0 and float(held_out.median()) > 0
        ratio = float(nearest[:, 0].median() / held_out.median()) if known else float("nan")
        return {"copied": float(copied.sum()) / max(1, len(sampled.samples)), "nearest_ratio": ratio}

    def _nearest(self, points: Tensor, trained: Tensor) -> Tensor:
        """The distances of each point to its nearest training examples, rising: N×of_nearest."""
        import torch

        count = min(self.of_nearest, len(trained))
        distances = [torch.empty(0, count)]
        for part in torch.split(points.float(), CHUNK):
            shifted = [_distances(*both) for both in self._overlaps(part, trained.float())]
            distances.append(torch.stack(shifted).amin(0).topk(count, largest=False).values)
        return torch.cat(distances)

    def _overlaps(self, x: Tensor, other: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What two sets of images share under each shift of one; anything else as it is."""
        if x.dim() != 4:
            yield x, other
            return
        shifts = range(-self.shift, self.shift + 1)
        for down in shifts:
            for right in shifts:
                here, there = (_window(shift, x.shape[2:]) for shift in ((down, right), (-down, -right)))
                yield x[here], other[there]


def _window(shift: tuple[int, int], size: Sequence[int]) -> tuple[slice, ...]:
    """The part of an image of ``size`` that stays in it when it is moved by ``shift``."""
    ends = zip(shift, size, strict=True)
    return (slice(None), slice(None), *(slice(max(by, 0), side + min(by, 0)) for by, side in ends))


def _distances(x: Tensor, other: Tensor) -> Tensor:
    """The root of the mean squared difference, of each pair."""
    import torch

    return torch.cdist(x.flatten(1), other.flatten(1)) / math.sqrt(other[0].numel())

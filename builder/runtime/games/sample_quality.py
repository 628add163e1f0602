"""How good a generator's samples are: what measures look at, drawn from the same noise every time."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from builder.data.transforms.transform import Range
from builder.errors import RunError
from builder.games.measures.measure import Sampled
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.data.splits import Part, mixed
from builder.runtime.games.samples import answers, classes_of, drawn, in_source_units
from builder.runtime.network.module import Network
from builder.spec.spec import ModelSpec

MEASURED: Final = 1  # the stream of chance that measures draw from, beside that of training


class Judge:
    """The measures of a spec, and the training part that they compare with.

    ``trained`` and all parts handed in are as they arrive at the networks.
    """

    def __init__(
        self, spec: ModelSpec, trained: Part, preprocessing: Preprocessing, bounds: Range | None
    ) -> None:
        if spec.data is None or spec.adversarial is None or spec.game is None:
            raise RunError(f"`{spec.file}` has no data to measure samples with.")
        self._spec, self._noise, self._game = spec, spec.adversarial.noise, spec.game
        self._data = spec.data
        self._preprocessing, self._bounds = preprocessing, bounds
        self._trained, self._labels = self.in_units(trained.x), trained.y.cpu()

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of all that is measured."""
        return tuple(name for measure in self._game.metrics for name in measure.figures)

    def in_units(self, x: Tensor) -> Tensor:
        """Examples in the source's units, on the CPU."""
        return in_source_units(x.cpu(), self._preprocessing, self._bounds)

    def of(self, generator: Network, discriminator: Network, real: Part) -> dict[str, float]:
        """Every figure of ``train.samples`` samples held against the part ``real``.

        The classes of a conditional generator are drawn as often as the training part has them.
        """
        if not self._game.metrics:
            return {}
        chance = torch.Generator().manual_seed(mixed(self._game.seed, MEASURED))
        noise = drawn(self._noise, self._game.samples, chance)
        labels = None
        if classes_of(generator) is not None:
            labels = self._labels[torch.randint(len(self._labels), (len(noise),), generator=chance)]
        given = () if labels is None else (labels,)
        made = answers(generator, noise, *given)
        sampled = Sampled(
            samples=in_source_units(made, self._preprocessing, self._bounds),
            real=self.in_units(real.x),
            trained=self._trained,
            real_logits=answers(discriminator, real.x, *(() if labels is None else (real.y,))),
            fake_logits=answers(discriminator, made, *given),
            data=self._data,
            folder=self._spec.folder,
            labels=labels,
        )
        return {name: value for metric in self._game.metrics for name, value in metric.of(sampled).items()}

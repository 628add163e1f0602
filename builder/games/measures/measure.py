"""What a measure of samples is: how good, how varied, and whether they are made or remembered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from builder.component import Catalogue, Component
from builder.data.info import DataInfo
from builder.data.section import Data

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """What a measure looks at, all on the CPU, in the units in which the source gives its examples.

    ``samples`` N×… are the generator's, ``real`` M×… held-out examples that it was not trained on, ``trained``
    those that it was. ``real_logits`` and ``fake_logits`` are the discriminator's on ``real`` and ``samples``.
    ``data`` is the section `data` and ``folder`` what its paths are relative to.
    """

    samples: Tensor
    real: Tensor
    trained: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    data: Data
    folder: Path
    labels: Tensor | None = field(default=None)


class Measure(Component):
    """A figure, or several, of samples. ``figures`` names them; each is ``<name>`` in ``metrics.jsonl``."""

    figures: ClassVar[tuple[str, ...]]
    better: ClassVar[Mapping[str, Literal["higher", "lower"]]]  # of those that have a better side

    @abstractmethod
    def check(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause``, with the field, if it says nothing of such data; without torch.

        ``info`` describes what arrives at the networks, ``folder`` is what the spec's paths are relative to.
        """

    def prepare(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Called once before training, where torch is at hand. Raises ``DataError`` for a file of no use."""

    @abstractmethod
    def of(self, sampled: Sampled) -> dict[str, float]:
        """Each of ``figures``. Samples that are not finite are never good."""


measures: Final[Catalogue[Measure]] = Catalogue("measure", "builder.games.measures", Measure)

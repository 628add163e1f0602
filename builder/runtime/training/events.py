"""The events that ``train`` passes to its argument ``watch``. They are typed data; nothing is printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from builder.runtime.export.proof import Proof
from builder.runtime.runs.run import Figures
from builder.runtime.training.rounds import Played


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """Epoch ``epoch`` of ``epochs`` (from 1) begins; it has ``batches`` batches."""

    epoch: int
    epochs: int
    batches: int


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A batch was trained on.

    Nothing is read from the device unless ``loss`` is asked for, which waits for it: ask a few times a
    second.
    """

    epoch: int
    batch: int
    batches: int
    total: Tensor
    weight: int

    def loss(self) -> float:
        """The mean training loss of this epoch so far; to be asked while the event is handled."""
        return float(self.total) / self.weight


@dataclass(frozen=True, slots=True)
class RoundsDone:
    """In a game, the discriminator took a step on a batch, and the generator too where it was its turn.

    Nothing is read from the device unless ``figures`` are asked for, which waits for it: ask a few times a
    second.
    """

    epoch: int
    batch: int
    batches: int
    played: Played

    def figures(self) -> dict[str, float | None]:
        """Means of this epoch so far: both losses, and the scores of real and made examples.

        As ``Played.figures``; to be asked while the event is handled.
        """
        return self.played.figures()


@dataclass(frozen=True, slots=True)
class SamplesDrawn:
    """Samples of the generator after epoch ``epoch`` are drawn in the picture ``path``."""

    epoch: int
    path: Path


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch is over; ``figures`` is its line of ``metrics.jsonl``."""

    epoch: int
    epochs: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """The run can go on from the end of this epoch."""

    epoch: int
    folder: Path


@dataclass(frozen=True, slots=True)
class StoppedEarly:
    """``monitor`` did not become better for ``patience`` epochs; the weights of ``best_epoch`` are kept."""

    epoch: int
    best_epoch: int
    monitor: str
    patience: int


@dataclass(frozen=True, slots=True)
class Exported:
    """The ONNX file is written, and proved equal to the network."""

    path: Path
    proof: Proof


Event = (
    EpochStarted
    | BatchDone
    | RoundsDone
    | SamplesDrawn
    | EpochDone
    | CheckpointSaved
    | StoppedEarly
    | Exported
)
Watch = Callable[[Event], None]

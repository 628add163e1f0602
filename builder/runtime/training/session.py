"""The course of a training, whatever is trained: its folder, its epochs, its end, and what is kept of it.

What differs between one network and the players of a game is asked of the subclass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, final

import torch

from builder.errors import RunError, TrainingError
from builder.files.run_folder import CHECKPOINT, SUMMARY
from builder.runtime.export.proof import Proof
from builder.runtime.runs.checkpoint import load_checkpoint, save_checkpoint, unreadable
from builder.runtime.runs.files import write_json
from builder.runtime.runs.run import (
    Figures,
    Run,
    open_folder,
    write_environment,
    write_metrics,
    write_spec,
)
from builder.runtime.training.events import CheckpointSaved, EpochDone, Exported, Watch
from builder.spec.spec import ModelSpec


class Epochs(Protocol):
    """What goes on epoch after epoch: a ``Loop`` or a ``GameLoop``."""

    history: list[Figures]

    @property
    def epoch(self) -> int:
        """How many epochs are done."""

    def run_epoch(self, watch: Watch | None) -> Figures:
        """One epoch more. Raises ``TrainingError`` if a loss is not finite."""

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on, beside the spec."""

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to where ``state()`` was asked. Raises what torch raises if it does not fit."""


Kind = TypeVar("Kind", bound=Epochs)


class Course(ABC, Generic[Kind]):
    """A loop on its way through all epochs of its spec, and the folder that it writes."""

    def __init__(self, loop: Kind, epochs: int, spec: ModelSpec, out: Path, watch: Watch | None) -> None:
        self.loop, self.epochs, self.spec, self.out, self.watch = loop, epochs, spec, out, watch

    @final
    def take(self, device: torch.device, resume: bool) -> Run:
        """Goes through the epochs that are left, and ends in a run: see ``builder.runtime.train``."""
        if not resume:
            open_folder(self.out, self.spec)  # only now: what cannot be trained leaves no folder behind
        write_environment(self.out, self.spec, device)
        if resume:
            self._resume()
        try:
            self._run()
        except TrainingError:
            self._keep_last()
            raise
        return self.finish()

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether there is nothing left to gain before the last epoch."""

    @abstractmethod
    def check_resumed(self) -> None:
        """Raises ``RunError`` if what the spec changed cannot be changed on resuming."""

    @abstractmethod
    def epoch_done(self, figures: Figures) -> None:
        """Passes the epoch's events to ``watch``. Its figures and its checkpoint are on the disk by then."""

    @abstractmethod
    def keep(self, state: dict[str, Any]) -> None:
        """Saves the weights of the last good epoch, whose state the loop has been brought back to."""

    @abstractmethod
    def finish(self) -> Run:
        """Saves the weights, evaluates them, then exports the network and checks the export."""

    @final
    def tell_epoch(self, figures: Figures) -> None:
        """Calls ``watch`` with ``EpochDone``."""
        if self.watch is not None:
            self.watch(EpochDone(self.loop.epoch, self.epochs, figures))

    @final
    def tell_checkpoint(self) -> None:
        """Calls ``watch`` with ``CheckpointSaved``."""
        if self.watch is not None:
            self.watch(CheckpointSaved(self.loop.epoch, self.out / CHECKPOINT))

    @final
    def proved(self, run: Run, summary: dict[str, Any], proof: Proof) -> None:
        """Adds the export's proof to the run's summary, and calls ``watch`` with ``Exported``."""
        summary["onnx"] = asdict(proof)
        write_json(self.out / SUMMARY, summary)
        if self.watch is not None:
            self.watch(Exported(run.onnx, proof))

    def _resume(self) -> None:
        """Brings the loop to the last whole epoch, if there is one."""
        self.check_resumed()
        loop, place = self.loop, self.out / CHECKPOINT
        state = load_checkpoint(place)
        if state is not None:
            try:
                loop.restore(state)
            except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
                raise unreadable(place, error) from error
        if loop.epoch > self.epochs:
            raise RunError(f"The run has {loop.epoch} epochs behind it, and `train.epochs` is {self.epochs}.")
        write_spec(self.out, self.spec)
        write_metrics(self.out, loop.history)

    def _run(self) -> None:
        """The epochs that are left; after each, the figures and a checkpoint are on the disk."""
        while self.loop.epoch < self.epochs and not self.over:
            figures = self.loop.run_epoch(self.watch)
            write_metrics(self.out, self.loop.history)
            save_checkpoint(self.out / CHECKPOINT, self.loop.epoch, self.loop.state())
            self.epoch_done(figures)

    def _keep_last(self) -> None:
        """After a loss that is no number: goes back to the last good epoch, if there was one."""
        state = load_checkpoint(self.out / CHECKPOINT)
        if state is not None:
            self.loop.restore(state)
            self.keep(state)

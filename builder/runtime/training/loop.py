"""The training loop: one epoch after another, nothing read from the device but once per epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from builder.errors import TrainingError
from builder.runtime.data.splits import Batch, Part, Splits
from builder.runtime.network.memory_format import channels_last
from builder.runtime.network.module import Network, unrolled
from builder.runtime.network.run_plan import States
from builder.runtime.runs.run import Figures
from builder.runtime.training.events import BatchDone, EpochStarted, Watch
from builder.runtime.training.outputs import measure, numbers, scored, sums
from builder.training.section import ROBUST_ACCURACY, EarlyStopping, Train

if TYPE_CHECKING:
    from builder.training.adversarial_training import AdversarialTraining

DTYPES: Final = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(slots=True)
class Best:
    """The best epoch so far by what early stopping monitors, and its weights."""

    value: float | None = None
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def take(
        self, rule: EarlyStopping, sign: float, value: float | None, epoch: int, network: Network
    ) -> None:
        """Keeps the weights if ``value`` is better by more than ``min_delta``; ``sign`` −1: higher is."""
        if value is None:
            return
        if self.value is None or sign * value < sign * self.value - rule.min_delta:
            self.value, self.epoch = value, epoch
            self.weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}


class Loop:
    """A network on its way: everything that changes during training, and can be saved and restored.

    The optimiser sees only what is not frozen. Weights stay float32; under ``precision`` the network and the
    loss compute in torch.autocast, float16 with torch.amp.GradScaler. Under ``truncate`` the optimiser steps
    after each piece of a sequence, a scheduler of batches still once a batch.
    """

    def __init__(self, network: Network, train: Train, splits: Splits, device: torch.device) -> None:
        self.network: Final = network
        self.train: Final = train
        self.splits: Final = splits
        self.history: list[Figures] = []
        self.best = Best()
        self.weights: Final = [p for p in network.parameters() if p.requires_grad]
        if not self.weights:
            raise TrainingError(
                "The network has nothing to train.", "Every parameter is frozen, or there is none."
            )
        if 1 in (splits.batch_size, len(splits.train)):
            _expect_normalised(network, next(splits.train.batches(1)))
        self.optimizer: Final = train.optimizer.build(self.weights)
        self._criterion = train.loss.build(device)
        self._precision: AbstractContextManager[Any] = nullcontext()
        if train.precision in DTYPES:
            self._precision = torch.autocast(device.type, DTYPES[train.precision])
        self._scaler = torch.amp.GradScaler(device.type, enabled=train.precision == "float16")
        self._scheduler: Any = None
        if train.scheduler is not None:
            self._scheduler = train.scheduler.build(self.optimizer, splits.steps_per_epoch, train.epochs)
        self._device = device
        self._batches = splits.batches
        self.robust_accuracy: Callable[[Part, int], float] | None = None  # where training asks for it
        if train.adversarial_training is not None:
            self._attack(train.adversarial_training)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def exhausted(self) -> bool:
        """Whether early stopping has seen enough."""
        rule = self.train.early_stopping
        return rule is not None and self.epoch - self.best.epoch >= rule.patience

    def run_epoch(self, watch: Watch | None) -> Figures:
        """Trains one epoch and measures it. Raises ``TrainingError`` if a loss is not finite.

        Returns the epoch's figures and adds them to ``history``; ``learning_rate`` is the last step's.
        """
        started, epoch = time.perf_counter(), self.epoch + 1
        if watch is not None:
            watch(EpochStarted(epoch, self.train.epochs, self.splits.steps_per_epoch))
        loss, rate = self._train(epoch, watch)
        figures: Figures = {"epoch": epoch, "train_loss": self._finite(loss, "training", epoch)}
        figures |= self._validate(epoch)
        figures |= {"learning_rate": rate, "seconds": 0.0}
        self._step_scheduler(figures)
        figures["seconds"] = round(time.perf_counter() - started, 3)
        self.history.append(figures)
        rule = self.train.early_stopping
        if rule is not None:
            sign = 1.0 if self.train.better(rule.monitor) == "lower" else -1.0
            self.best.take(rule, sign, figures[rule.monitor], epoch, self.network)
        return figures

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on, beside the spec."""
        return {
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": _plain(self._scheduler.state_dict()) if self._scheduler is not None else None,
            "scaler": self._scaler.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None,
            "best": {"value": self.best.value, "epoch": self.best.epoch, "weights": self.best.weights},
            "history": self.history,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to where ``state()`` was asked. Raises what torch raises if it does not fit."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self._scheduler is not None:
            self._scheduler.load_state_dict(state["scheduler"])
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])
        weights = {name: tensor.to(self._device) for name, tensor in state["best"]["weights"].items()}
        self.best = Best(state["best"]["value"], state["best"]["epoch"], weights)
        self.history = list(state["history"])
        torch.set_rng_state(state["random"])
        if self._device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], self._device)

    def _attack(self, rule: AdversarialTraining) -> None:
        """From here on, batches come attacked, and the validation part is also measured under attack."""
        from builder.runtime.attacks.adversarial_training import (
            Adversary,  # ordinary training does not pay for it
        )

        assert self.splits.bounds is not None, "a spec whose source declares no range is refused"
        precision = self._precision if self.train.precision in DTYPES else None
        adversary = Adversary(rule, self.network, self.splits, self.splits.bounds, precision)
        self._batches = adversary.batches
        self.robust_accuracy = adversary.accuracy if rule.measure else None

    def _train(self, epoch: int, watch: Watch | None) -> tuple[float, float]:
        """One pass over the training batches: the mean loss, and the learning rate of the last step."""
        clip, scaler = self.train.clip_grad_norm, self._scaler
        every_batch = self.train.scheduler is not None and self.train.scheduler.steps == "batch"
        summed, batches = sums(self.train), self.splits.steps_per_epoch
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        seen, rate = 0, 0.0
        self.network.train()
        for index, batch in enumerate(self._batches(epoch - 1), 1):
            for loss, targets in self._losses(batch):
                self.optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(scaler.scale(loss))
                if clip is not None:
                    scaler.unscale_(self.optimizer)
                    nn.utils.clip_grad_norm_(self.weights, clip)
                rate = self.optimizer.param_groups[0]["lr"]
                scaler.step(self.optimizer)
                scaler.update()
                total.add_(loss.detach(), alpha=1 if summed else targets)
                seen += targets
            if every_batch:
                self._scheduler.step()
            if watch is not None:
                watch(BatchDone(epoch, index, batches, total, seen))
        return float(total) / seen, float(rate)

    def _losses(self, batch: Batch) -> Iterator[tuple[Tensor, int]]:
        """The loss to step on and how many targets it has: of the batch, or of one piece after another."""
        per_step = self.splits.train.per_step
        if self.train.truncate is None:
            given = () if batch.lengths is None else (batch.lengths,)
            with self._precision:
                output, target = scored(self.network(channels_last(batch.x), *given), batch, per_step)
                loss = self._criterion(output, target)
            yield loss, len(target)
            return
        states: dict[str, States] = {}
        for piece in pieces(batch, self.train.truncate):
            with self._precision:
                outputs, ends = unrolled(self.network, (piece.x,), (piece.lengths,), states)
                assert isinstance(outputs, Tensor), "a spec that is trained has one output"
                output, target = scored(outputs, piece, per_step)
                loss = self._criterion(output, target)
            yield loss, len(target)
            if self.train.carry_state:
                states = {layer: tuple(state.detach() for state in held) for layer, held in ends.items()}

    def _validate(self, epoch: int) -> Figures:
        names = [name for name in self.train.monitored if name.startswith("validation_")]
        part = self.splits.validation
        if part is None:
            return dict.fromkeys(names)
        figures = measure(
            self.network, part, self.train, "validation", self._precision, self.splits.preprocessing
        )
        self._finite(figures["validation_loss"], "validation", epoch)
        if self.robust_accuracy is not None:
            figures[ROBUST_ACCURACY] = self.robust_accuracy(part, epoch)
        return numbers({name: figures[name] for name in names})

    def _step_scheduler(self, figures: Figures) -> None:
        match self.train.scheduler:
            case None:
                return
            case scheduler if scheduler.steps == "epoch":
                self._scheduler.step()
            case scheduler if scheduler.steps == "monitor":
                value = figures[getattr(scheduler, "monitor")]  # noqa: B009
                self._scheduler.step(math.nan if value is None else value)

    def _finite(self, loss: float, part: str, epoch: int) -> float:
        if math.isfinite(loss):
            return loss
        kept = f"The weights of epoch {epoch - 1} are kept." if epoch > 1 else "No epoch ended well."
        hints = [f"a lower `lr` (now {self.optimizer.param_groups[0]['lr']:g})"]
        if self.train.clip_grad_norm is None:
            hints.append("`clip_grad_norm: 1.0`")
        if self.train.precision == "float16":
            hints.append("`precision: bfloat16`")
        raise TrainingError(
            f"The {part} loss of epoch {epoch} is not finite ({loss}). {kept}", f"Try {' or '.join(hints)}."
        )


def _expect_normalised(network: Network, batch: Batch) -> None:
    """Raises ``TrainingError`` where BatchNorm meets one value per channel, of which there is no variance."""
    lone: list[str] = []

    def seen(name: str, x: Tensor) -> None:
        if x.numel() <= x.shape[1]:
            lone.append(name)

    hooks = [
        part.register_forward_pre_hook(lambda _, given, name=name: seen(name, given[0]))
        for name, part in network.named_modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm)
    ]
    if not hooks:
        return
    mode = network.training
    try:
        with torch.no_grad():
            network.eval()(channels_last(batch.x), *(() if batch.lengths is None else (batch.lengths,)))
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()
    if lone:
        raise TrainingError(
            f"`{lone[0]}` normalises over a batch, and a training batch has one example: one value per channel.",
            "Take a larger `batch_size`, and at least two examples for training.",
        )


def pieces(batch: Batch, steps: int) -> Iterator[Batch]:
    """The batch's sequences cut every so many steps; one that has ended is 0 steps long from there on."""
    for start in range(0, batch.x.shape[1], steps):
        here = slice(start, start + steps)
        x, y = batch.x[:, here], batch.y[:, here]
        lengths = None if batch.lengths is None else (batch.lengths - start).clamp(0, x.shape[1])
        yield Batch(x, y, lengths)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A scheduler's state as plain containers (torch counts milestones in a ``Counter``)."""
    return {key: dict(value) if isinstance(value, dict) else value for key, value in state.items()}

"""Training: a spec and an empty folder become a run."""

from __future__ import annotations

import warnings
from collections.abc import Sized
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from builder.errors import RunError
from builder.files.run_folder import SUMMARY, WEIGHTS
from builder.runtime.data.splits import load_splits
from builder.runtime.device import chosen_device, threads
from builder.runtime.export.export import export
from builder.runtime.network.module import build, complete_graph
from builder.runtime.runs.files import write_json
from builder.runtime.runs.run import Figures, Run, check_folder, epochs_before, save_weights
from builder.runtime.training.events import StoppedEarly, Watch
from builder.runtime.training.loop import Loop
from builder.runtime.training.outputs import measure, naive, numbers
from builder.runtime.training.session import Course
from builder.spec.spec import ModelSpec
from builder.training.section import Train


def train(spec: ModelSpec, out: Path | str, *, resume: bool = False, watch: Watch | None = None) -> Run:
    """Trains the spec's network, or lets its two players play, and writes the run into ``out``.

    ``out`` is absent or empty; with ``resume`` it holds a run of the same spec, which goes on after its last
    whole epoch to the same bits that it would have reached undisturbed. ``train.epochs`` may then be larger,
    unless the scheduler's course spans all epochs. ``watch`` is called with every event; what it raises ends
    the run, which can be resumed, as after Ctrl-C.

    The same spec, seed, torch and thread count give the same weights on the CPU, bit for bit. Raises
    ``RunError`` before anything is trained if the spec cannot be, ``OSError`` if ``out`` cannot be made;
    ``TrainingError`` if a loss is not finite, the weights of the last good epoch being saved; ``ExportError``
    at the end, after the weights are saved.
    """
    out = Path(out)
    check_folder(out, spec, resume)
    if spec.networks:
        from builder.runtime.games.train_gan import train_gan  # ordinary training does not pay for it

        return train_gan(spec, out, resume=resume, watch=watch)
    section, device = _trainable(spec)
    with threads(section.threads), warnings.catch_warnings():
        # float16's first steps may be skipped while its scale is found; torch takes that for a wrong order.
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
        loop = _loop(spec, section, device)
        return Training(loop, section.epochs, spec, out, watch).take(device, resume)


def _trainable(spec: ModelSpec) -> tuple[Train, torch.device]:
    """The section ``train`` and the device. Raises ``RunError`` for a spec that cannot be trained."""
    graph = complete_graph(spec)
    for name in ("data", "train"):
        if getattr(spec, name) is None:
            raise RunError(
                f"`{spec.file}` has no section `{name}`, so it cannot be trained.", f"Add `{name}:`."
            )
    assert spec.train is not None
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise RunError(
            f"The network has {_counted(graph.inputs, 'input')} and {_counted(graph.outputs, 'output')}, "
            "and the data gives one input and one target.",
            "Build it with `builder.runtime.build` and train it with a loop of your own.",
        )
    return spec.train, chosen_device(spec.train.device)


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"


def _loop(spec: ModelSpec, section: Train, device: torch.device) -> Loop:
    assert spec.data is not None
    splits = load_splits(spec.data, spec.folder, seed=section.seed, device=device)
    return Loop(build(spec).to(device), section, splits, device)


@final
class Training(Course[Loop]):
    """One network's course."""

    @property
    def over(self) -> bool:
        """Whether early stopping has run out of patience."""
        return self.loop.exhausted

    def check_resumed(self) -> None:
        """Raises ``RunError`` where more epochs would have changed the learning rates of those before."""
        section, before = self.loop.train, epochs_before(self.out)
        if before != section.epochs and _course(section, before) != _course(section, section.epochs):
            raise RunError(
                f"`train.epochs` was {before} and is {section.epochs}, and the scheduler "
                f"`{type(section.scheduler).__name__}` spreads its course over all epochs.",
                "Start a new run in another folder.",
            )

    def epoch_done(self, figures: Figures) -> None:
        """Passes on the events of the epoch and the checkpoint, and of early stopping where training ends here."""
        self.tell_epoch(figures)
        self.tell_checkpoint()
        rule, loop = self.loop.train.early_stopping, self.loop
        if self.watch is not None and rule is not None and loop.exhausted:
            self.watch(StoppedEarly(loop.epoch, loop.best.epoch, rule.monitor, rule.patience))

    def keep(self, state: dict[str, Any]) -> None:
        """Writes the weights of the best epoch where one is kept, else those of ``state``."""
        self.loop.network.load_state_dict(self.loop.best.weights or state["network"])
        save_weights(self.loop.network, self.out / WEIGHTS, self.loop.splits.preprocessing)

    def finish(self) -> Run:
        """Saves the best epoch's weights or the last's, and evaluates them on the test part if there is one."""
        loop, spec, out = self.loop, self.spec, self.out
        if loop.best.weights:
            loop.network.load_state_dict(loop.best.weights)
        loop.network.eval()
        save_weights(loop.network, out / WEIGHTS, loop.splits.preprocessing)
        summary: dict[str, Any] = {
            "epochs": loop.epoch,
            "weights_of_epoch": loop.best.epoch or loop.epoch,
            "stopped_early": loop.epoch < loop.train.epochs,
            "seconds": round(sum(line["seconds"] or 0.0 for line in loop.history), 3),
            "parameters": spec.graph.parameters,
        }
        run = Run(out, spec, loop.network, loop.splits.preprocessing, tuple(loop.history), summary)
        if loop.splits.test is not None:
            part, fitted = loop.splits.test, loop.splits.preprocessing
            summary |= numbers(measure(loop.network, part, loop.train, "test", preprocessing=fitted))
            summary |= numbers(naive(part, loop.train, "test", fitted))
            if loop.robust_accuracy is not None:
                summary["test_robust_accuracy"] = loop.robust_accuracy(part, 0)
        write_json(out / SUMMARY, summary)
        self.proved(run, summary, export(run, run.onnx))
        return run


def _course(section: Train, epochs: int) -> dict[str, Any]:
    """How a scheduler would set out on so many epochs."""
    if section.scheduler is None:
        return {}
    optimizer = section.optimizer.build([nn.Parameter(torch.zeros(1))])
    return section.scheduler.build(optimizer, 10, epochs).state_dict()

"""Training a GAN: a spec with `adversarial` and an empty folder become a run, with pictures of its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, final

import torch

from builder.errors import RunError
from builder.files.pictures import write_animation, write_curves, write_samples
from builder.files.run_folder import ANIMATION, CURVES, SAMPLES, SUMMARY, WEIGHTS
from builder.games.training import Game
from builder.runtime.data.splits import load_splits
from builder.runtime.device import chosen_device, threads
from builder.runtime.export.export import export
from builder.runtime.games.game_loop import GameLoop
from builder.runtime.games.samples import classes_of, from_noise, noise_of
from builder.runtime.network.module import Network, build_networks, complete_graph
from builder.runtime.runs.files import write_json
from builder.runtime.runs.run import Figures, Run, save_weights
from builder.runtime.training.events import SamplesDrawn, Watch
from builder.runtime.training.outputs import numbers
from builder.runtime.training.session import Course
from builder.spec.spec import ModelSpec

WIDEST_ROW: Final = 20  # classes that stand side by side in a picture


def train_gan(spec: ModelSpec, out: Path, *, resume: bool = False, watch: Watch | None = None) -> Run:
    """Lets the players of the spec play, and writes the run into ``out``: see ``builder.runtime.train``.

    The weights file holds all networks under their names, the generator averaged if the spec has an ``ema``
    (its own weights are in the checkpoint); ``model.onnx`` is the generator. ``samples/epoch-0001.png`` … show
    the same noise after every epoch: what ``sample(run, grid, seed)`` gives of the weights of that epoch.
    """
    game, device = _playable(spec)
    with threads(game.threads):
        loop = _loop(spec, game, device)
        _refuse_a_generator_that_waits(loop)
        return Playing(loop, game.epochs, spec, out, watch).take(device, resume)


def _playable(spec: ModelSpec) -> tuple[Game, torch.device]:
    """The section ``train`` and the device. Raises ``RunError`` for a spec that cannot be trained."""
    complete_graph(spec)
    for name, section in (("adversarial", spec.adversarial), ("data", spec.data), ("train", spec.game)):
        if section is None:
            raise RunError(
                f"`{spec.file}` has no section `{name}`, so it cannot be trained.", f"Add `{name}:`."
            )
    assert spec.game is not None
    return spec.game, chosen_device(spec.game.device)


def _loop(spec: ModelSpec, game: Game, device: torch.device) -> GameLoop:
    assert spec.data is not None
    splits = load_splits(spec.data, spec.folder, seed=game.seed, device=device)
    for measure in game.metrics:
        measure.prepare(spec.data, splits.info, spec.folder)
    return GameLoop(spec, build_networks(spec).to(device), splits, device)


def _refuse_a_generator_that_waits(loop: GameLoop) -> None:
    """Raises ``RunError`` where training ends before the generator's first step."""
    wanted, batches = loop.rules.discriminator_steps, loop.splits.steps_per_epoch
    if loop.game.epochs * batches < wanted:
        raise RunError(
            f"The generator would never step: all epochs have {loop.game.epochs * batches} batches, and "
            f"`discriminator_steps` is {wanted}.",
            "Take more epochs, a smaller `batch_size`, or fewer `discriminator_steps`.",
        )


@final
class Playing(Course[GameLoop]):
    """The course of a game: each epoch ends with a picture of samples."""

    @property
    def over(self) -> bool:
        """Always False: a game ends with its last epoch, never early."""
        return False

    def check_resumed(self) -> None:
        """A game has no scheduler: more epochs change nothing of those before."""

    def epoch_done(self, figures: Figures) -> None:
        """Draws samples, then passes on the events of the epoch, the picture and the checkpoint, in this order."""
        picture = _draw(_run_of(self.loop, self.spec, self.out), self.loop)
        self.tell_epoch(figures)
        if self.watch is not None and picture is not None:
            self.watch(SamplesDrawn(self.loop.epoch, picture))
        self.tell_checkpoint()

    def keep(self, state: dict[str, Any]) -> None:
        """Writes the networks as they are saved, the generator's average included; ``state`` is not needed."""
        splits = self.loop.splits
        save_weights(self.loop.saved, self.out / WEIGHTS, splits.preprocessing, splits.bounds)

    def finish(self) -> Run:
        """Also draws how it went."""
        loop, spec, out = self.loop, self.spec, self.out
        save_weights(loop.saved.eval(), out / WEIGHTS, loop.splits.preprocessing, loop.splits.bounds)
        run = _run_of(loop, spec, out)
        summary = run.summary
        summary |= {
            "epochs": loop.epoch,
            "generator_steps": loop.steps["generator"],
            "discriminator_steps": loop.steps["discriminator"],
            "seconds": round(sum(line["seconds"] or 0.0 for line in loop.history), 3),
            "parameters": spec.graph.parameters,
        }
        if loop.splits.test is not None:
            figures = loop.judge.of(loop.generator, loop.discriminator, loop.splits.test)
            summary |= {f"test_{name}": value for name, value in numbers(figures).items()}
        write_json(out / SUMMARY, summary)
        write_curves(out / CURVES, loop.history)
        write_animation(out / ANIMATION, [_picture(out, epoch) for epoch in range(1, loop.epoch + 1)])
        self.proved(run, summary, export(run, run.onnx))
        return run


def _picture(out: Path, epoch: int) -> Path:
    return out / SAMPLES / f"epoch-{epoch:04}.png"


def _draw(run: Run, loop: GameLoop) -> Path | None:
    """The picture of this epoch's samples, if such samples can be drawn."""
    path = _picture(run.folder, loop.epoch)
    path.parent.mkdir(exist_ok=True)
    samples = from_noise(run, noise_of(run, loop.game.grid, loop.game.seed))
    real = loop.judge.in_units(loop.held_out.x)
    classes = classes_of(run.module)
    columns = classes if classes is not None and classes <= WIDEST_ROW else None
    return path if write_samples(path, samples.numpy(), real.numpy(), loop.splits.bounds, columns) else None


def _run_of(loop: GameLoop, spec: ModelSpec, out: Path) -> Run:
    """The run as it stands."""
    players = {name: module for name, module in loop.saved.named_children() if isinstance(module, Network)}
    fitted, bounds = loop.splits.preprocessing, loop.splits.bounds
    summary: dict[str, Any] = {}
    return Run(out, spec, loop.generator, fitted, tuple(loop.history), summary, players, bounds)

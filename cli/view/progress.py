"""The progress of training, attacks and grading: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cli.view import render

if TYPE_CHECKING:
    from rich.progress import Progress

    from builder.runtime.runs.run import Figures
    from builder.runtime.training.events import Event as RunEvent
    from grader.marking.runner import Event as GradeEvent

REFRESH_SECONDS: Final = 0.2
# What a game's figures are called in a line: of generator G and discriminator D.
PLAYED: Final = {
    "generator_loss": "loss of G",
    "discriminator_loss": "of D",
    "real_score": "D(x)",
    "fake_score": "D(G(z))",
}


@contextmanager
def training() -> Iterator[Callable[[RunEvent], None]]:
    """Watches a run: each epoch's figures in a line, and on a terminal a bar with the running loss.

    In a game the bar has both players' losses, and what the discriminator says of examples and of samples.
    """
    from builder.runtime.training.events import BatchDone, EpochDone, EpochStarted, RoundsDone, StoppedEarly

    with _bar("epoch") as bar:
        task = bar.add_task("", total=None, note="") if bar else None
        due = 0.0

        def say(line: render.Line) -> None:
            if bar:
                bar.console.print(render.styled(line))
            else:
                render.show([line])

        def watch(event: RunEvent) -> None:
            nonlocal due
            match event:
                case EpochStarted() if bar and task is not None:
                    total, done = event.epochs * event.batches, (event.epoch - 1) * event.batches
                    bar.update(task, total=total, completed=done, description=f"{event.epoch}/{event.epochs}")
                case BatchDone() if bar and task is not None and time.monotonic() >= due:
                    due = time.monotonic() + REFRESH_SECONDS  # reading the loss waits for the device
                    done = (event.epoch - 1) * event.batches + event.batch
                    bar.update(task, completed=done, note=f"loss {event.loss():.4f}")
                case RoundsDone() if bar and task is not None and time.monotonic() >= due:
                    due = time.monotonic() + REFRESH_SECONDS
                    done = (event.epoch - 1) * event.batches + event.batch
                    bar.update(task, completed=done, note="  ".join(_named(event.figures())))
                case EpochDone():
                    say(epoch_line(event.epoch, event.epochs, event.figures))
                case StoppedEarly():
                    text = (
                        f"Stopped early: {event.monitor} did not become better for {event.patience} epochs; "
                        f"the weights of epoch {event.best_epoch} are kept."
                    )
                    say((("hint", text),))

        yield watch


@contextmanager
def attacking(quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Watches attacks: a bar on a terminal, nothing elsewhere."""
    if quiet:
        yield None
        return
    with _bar("attacked") as bar:
        task = bar.add_task("", total=None, note="") if bar else None

        def watch(done: int, total: int) -> None:
            if bar and task is not None:
                bar.update(task, completed=done, total=total, description=f"{done}/{total}")

        yield watch


@contextmanager
def grading() -> Iterator[Callable[[GradeEvent], None]]:
    """Watches a class being graded: a bar, or a line per submission."""
    from grader.marking.runner import Began, Judged

    with _bar("graded") as bar:
        task = bar.add_task("", total=None, note="") if bar else None

        def watch(event: GradeEvent) -> None:
            match event:
                case Began() if bar and task is not None:
                    bar.update(task, total=event.submissions)
                case Judged() if bar and task is not None:
                    bar.update(task, completed=event.done, description=f"{event.done}/{event.submissions}")
                case Judged() if sys.stderr.isatty() is False and event.done == event.submissions:
                    render.show([(("dim", f"{event.done} of {event.submissions} graded"),)], sys.stderr)

        yield watch


def epoch_line(epoch: int, epochs: int, figures: Figures) -> render.Line:
    """One epoch in one line: its losses, its metrics and its seconds."""
    digits = len(str(epochs))
    left_out = ("epoch", "learning_rate", "seconds", "train_loss")
    shown = _named({name: value for name, value in figures.items() if name not in left_out})
    loss, seconds = figures.get("train_loss"), figures.get("seconds")
    start = [] if loss is None else [f"loss {loss:.4f}"]
    end = [] if seconds is None else [f"{seconds:.1f} s"]
    return (("dim", f"epoch {epoch:>{digits}}/{epochs}  "), ("", "  ".join([*start, *shown, *end])))


def figure(value: float) -> str:
    """A figure as a line shows it; a count without its zeros."""
    return f"{value:.0f}" if value > 1 and value.is_integer() else f"{value:.4f}"


def _named(figures: Figures) -> list[str]:
    """Each figure that there is behind its name."""
    names = {"validation_loss": "validation loss", **PLAYED}
    return [
        f"{names.get(name) or name.removeprefix('validation_')} {figure(value)}"
        for name, value in figures.items()
        if value is not None
    ]


@contextmanager
def _bar(label: str) -> Iterator[Progress | None]:
    if not sys.stdout.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(f"{label} {{task.description}}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(), transient=True) as progress:
        yield progress

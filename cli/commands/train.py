"""The command `train`: from a spec to a run folder."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.options import Out, Sets, Spec
from cli.view import progress, render
from cli.view.written import proof_line, wrote

if TYPE_CHECKING:
    from builder.runtime import Run

ORDER: Final = 50


def train(
    spec: Spec,
    out: Out,
    sets: Sets = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in DIR, to the same bits.")
    ] = False,
) -> None:
    """Train a network on its data, and write a run folder.

    The folder gets the resolved spec, the weights, the ONNX file (proved equal), the metrics of every epoch,
    their curves and a checkpoint; of a GAN also a picture of samples for each epoch and a film of them. Ctrl-C
    leaves a run that `--resume` goes on with; a finished one goes on if `train.epochs` is raised.

    \b
        gradspec train model.yaml --out run
        gradspec train model.yaml --out run --set train.epochs=20 --resume
    """
    from builder import load

    read = load(spec, sets or ())
    from builder.runtime import train as train_network

    try:
        with progress.training() as watch:
            run = train_network(read, out, resume=resume, watch=watch)
    except KeyboardInterrupt:
        words = ["gradspec", "train", str(spec), "--out", str(out), "--resume"]
        words += [word for text in sets or () for word in ("--set", text)]
        render.show([(("advice", f"Stopped. Go on with: {shlex.join(words)}"),)], sys.stderr)
        raise
    render.show([*ending(run), *_pictures(run), wrote(out)])


def ending(run: Run) -> list[render.Line]:
    """How a run ended: its figures on the test part, and the proof of its ONNX file."""
    from builder.runtime import Proof

    shown: list[render.Line] = []
    for where, prefix in (
        ("on the test part: ", "test_"),
        ("the last value seen, as a forecast: ", "test_naive_"),
    ):
        found = {name: value for name, value in run.summary.items() if name.startswith(prefix)}
        text = "  ".join(
            f"{name.removeprefix(prefix)} {progress.figure(value)}"
            for name, value in found.items()
            if value is not None and (prefix == "test_naive_" or not name.startswith("test_naive_"))
        )
        shown += [(("place", where), ("", text))] if text else []
    return [*shown, proof_line(Proof(**run.summary["onnx"]))]


def _pictures(run: Run) -> list[render.Line]:
    """Draws the curves of a run, and says which pictures there are."""
    from builder.files.pictures import write_curves
    from builder.files.run_folder import ANIMATION, CURVES, SAMPLES

    write_curves(run.folder / CURVES, run.metrics)
    there = {"samples after each epoch: ": SAMPLES, "the same as a film: ": ANIMATION, "curves: ": CURVES}
    found = {what: run.folder / name for what, name in there.items()}
    return [(("dim", what), ("place", str(path))) for what, path in found.items() if path.exists()]

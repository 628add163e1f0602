"""Commands that make networks: `build` and `train`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.shapes import spec_lines
from cli.options import LARGEST_SEED, Out, Sets, Spec
from cli.view import progress, render

if TYPE_CHECKING:
    from builder import ModelSpec
    from builder.runtime import Proof, Run


def build(
    spec: Spec,
    out: Out,
    sets: Sets = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, max=LARGEST_SEED, help="Seed of the weights; absent: train.seed, or 0."
        ),
    ] = None,
) -> None:
    """Build a network without training it, and write down all that is known of it.

    The folder gets `spec.yaml` (every default filled in), `weights.safetensors` (what
    `torch.manual_seed(seed)` and the layers written by hand would give), `model.onnx` (proved equal) and
    `summary.txt`. Of `networks` it gets the weights of all; `model.onnx` is the generator, and without
    `adversarial` each network is a file of its own name.

    \b
        gradspec build model.yaml --out built
        gradspec build model.yaml --out built --seed 7
    """
    from builder import load
    from builder.files.run_folder import ONNX, WEIGHTS
    from builder.runtime import build as build_network
    from builder.runtime.export.export import export
    from builder.runtime.runs.run import open_folder, save_weights

    read = load(spec, sets or ())
    if read.networks:
        render.show([*_build_networks(read, out, seed), wrote(out)])
        return
    network = build_network(read, seed)
    open_folder(out, read)
    save_weights(network, out / WEIGHTS)
    proof = export(network, out / ONNX)
    _write_summary(read, out)
    render.show([proof_line(proof), wrote(out)])


def _build_networks(spec: ModelSpec, out: Path, seed: int | None) -> list[render.Line]:
    """Builds several networks into one folder: one file of weights, and what is used of them as ONNX.

    Of two that play against each other that is the generator, `model.onnx`; else each, under its name.
    """
    from builder.files.run_folder import ONNX, WEIGHTS
    from builder.runtime import build_networks
    from builder.runtime.export.export import export
    from builder.runtime.runs.files import write_tensors
    from builder.runtime.runs.run import metadata_of, open_folder

    networks = build_networks(spec, seed)
    open_folder(out, spec)
    write_tensors(out / WEIGHTS, networks.state_dict(), metadata_of(None))
    files = {name: f"{name}.onnx" for name in spec.networks}
    if spec.adversarial is not None:
        files = {spec.adversarial.generator: ONNX}
    shown: list[render.Line] = []
    for name, file in files.items():
        shown.append((("dim", f"{name}: "), *proof_line(export(networks[name], out / file))))  # type: ignore[arg-type]
    _write_summary(spec, out)
    return shown


def _write_summary(spec: ModelSpec, out: Path) -> None:
    summary = "".join("".join(text for _, text in line) + "\n" for line in spec_lines(spec))
    (out / "summary.txt").write_text(summary, encoding="utf-8")


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


def proof_line(proof: Proof) -> render.Line:
    """What was found when the ONNX file was held against its network."""
    text = f" onnxruntime equals torch to {proof.largest:.1e} (allowed {proof.allowed:.1e}), "
    text += f"batches {_listed(proof.batches)}"
    if proof.steps:
        text += f" of {_listed(proof.steps)} steps"
    return (("good", "proved:"), ("", text))


def _listed(numbers: Sequence[int]) -> str:
    *before, last = map(str, numbers)
    return f"{', '.join(before)} and {last}" if before else last


def wrote(path: Path) -> render.Line:
    """Where the result lies."""
    return (("dim", "written: "), ("place", str(path)))

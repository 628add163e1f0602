"""The command `build`: a network with its first weights, its ONNX file and its summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.options import LARGEST_SEED, Out, Sets, Spec
from cli.view import render
from cli.view.shapes import spec_lines
from cli.view.written import proof_line, wrote

if TYPE_CHECKING:
    from builder import ModelSpec

ORDER: Final = 40


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

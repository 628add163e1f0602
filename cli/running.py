"""Commands that make networks: `build` and `train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import render
from cli.options import AsJson, Sets, Spec, answers

if TYPE_CHECKING:
    from builder import ModelSpec
    from builder.runtime import Epoch, Run

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write; new or empty.")]


def build(
    spec: Spec,
    out: Out,
    sets: Sets = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Instead of the spec's own.")] = None,
) -> None:
    """Build a network without training it, and write it down.

    The folder gets `spec.yaml` (every default filled in), `weights.safetensors` (its initial weights, those of
    `torch.manual_seed(seed)` and the layers written by hand), `model.onnx` (proved equal) and `summary.txt`.

    \b
        gradspec build model.yaml --out built
    """
    from builder import load

    read = load(spec, sets or ())
    _fresh(out)
    from builder.runtime import save

    proof = save(read, out, seed=seed)
    (out / "summary.txt").write_text(_summary(read), encoding="utf-8")
    render.show([*proof_lines(proof), wrote(out)])

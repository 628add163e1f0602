"""What a command wrote: where it lies, and how its ONNX file was proved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.view import render

if TYPE_CHECKING:
    from builder.runtime import Proof


def wrote(path: Path) -> render.Line:
    """Where the result lies."""
    return (("dim", "written: "), ("place", str(path)))


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

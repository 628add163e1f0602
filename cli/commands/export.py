"""The command `export`: a run's network as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.options import RunFolder
from cli.view import render
from cli.view.written import proof_line, wrote

ORDER: Final = 90


def export(
    run: RunFolder,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.onnx", dir_okay=False, help="The file to write.")
    ],
) -> None:
    """Write a run's network as one ONNX file, proved equal to it.

    onnxruntime must agree with torch on random inputs of several sizes, or nothing is written. Where an input has
    an axis of free length, the file takes padded examples and their lengths.

    \b
        gradspec export run --out model.onnx
    """
    from builder.runtime import load_run
    from builder.runtime.export.export import export as write_onnx

    render.show([proof_line(write_onnx(load_run(run), out)), wrote(out)])

"""The names of the files in a run's folder, and what they say of its spec.

``builder.runtime.runs.run`` reads the rest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from builder.errors import Cause

SPEC: Final = "spec.yaml"
WEIGHTS: Final = "weights.safetensors"
ONNX: Final = "model.onnx"
METRICS: Final = "metrics.jsonl"
SUMMARY: Final = "summary.json"
CHECKPOINT: Final = "checkpoint"
ENVIRONMENT: Final = "environment.json"
SAMPLES: Final = "samples"  # a GAN's pictures, one for each epoch
ANIMATION: Final = "samples.gif"
CURVES: Final = "curves.png"


def spec_of_run(folder: Path) -> tuple[str, Path]:
    """The text of the run's spec, and where the paths in it start. Raises ``Cause`` for what is no run's folder."""
    try:
        text = (folder / SPEC).read_text(encoding="utf-8")
        start = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))["paths_from"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Cause(str(error)) from None
    return text, folder / str(start)

"""What a run's generator makes, read from the run's spec; no weight is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.data.made import generator_of
from builder.errors import Cause
from builder.files.run_folder import ENVIRONMENT, SPEC
from builder.shapes import TensorType

GAN = """
networks:
  generator: {input: [4], layers: [{Linear: 64}, Tanh, {Unflatten: [1, 8, 8]}]}
  discriminator: {input: [1, 8, 8], layers: [Flatten, {Linear: 1}]}
adversarial:
  objective: NonSaturating
  CONDITIONAL
  optimizer: {generator: Adam, discriminator: Adam}
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}]}
train: {epochs: 1}
"""


def _run(folder: Path, spec: str) -> Path:
    (folder / SPEC).write_text(spec, encoding="utf-8")
    (folder / ENVIRONMENT).write_text(json.dumps({"paths_from": "."}), encoding="utf-8")
    return folder


def test_a_conditional_generator(tmp_path: Path) -> None:
    made = generator_of(_run(tmp_path, GAN.replace("CONDITIONAL", "conditional: embed")))
    assert made is not None
    assert (made.input, made.target.classes, made.range) == (TensorType((1, 8, 8)), 10, (0.0, 1.0))


def test_a_generator_that_is_told_no_class(tmp_path: Path) -> None:
    made = generator_of(_run(tmp_path, GAN.replace("CONDITIONAL", "discriminator_steps: 1")))
    assert made is not None
    assert made.target.classes is None


def test_a_classifier_is_no_generator(tmp_path: Path) -> None:
    assert generator_of(_run(tmp_path, "input: [4]\nlayers: [{Linear: 2}]\n")) is None


def test_a_folder_that_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(Cause):
        generator_of(tmp_path)

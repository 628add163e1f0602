"""The way in: files, texts, limits, and all errors at once."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from builder import ModelSpec, SpecErrors, infer, load, loads

FIVE_MISTAKES = """\
name: five
input: [1, 28, 28]
layers:
  - Conv2D: {out_channels: 6, kernel_size: 5}
  - Tanh
  - AvgPool2d: {kernal_size: 2}
  - Flatten
  - {from: flaten_1, Linear: 120}
  - Linear: "84"
  - Linear: 10
train:
  loss: CrossEntropyLoss
  optimizer: {Adam: {lr: fast}}
  epochs: 10
"""


def test_five_mistakes_are_five_errors_each_at_its_place() -> None:
    with pytest.raises(SpecErrors) as caught:
        loads(FIVE_MISTAKES, file="five.yaml")
    assert [(e.line, e.column, e.path, e.problem, e.hint) for e in caught.value.errors] == [
        (4, 5, "layers[0].Conv2D", "there is no layer type `Conv2D`", "Did you mean `Conv2d`?"),
        (
            6,
            17,
            "layers[2].AvgPool2d.kernal_size",
            "`AvgPool2d` has no field `kernal_size`",
            "Did you mean `kernel_size`?",
        ),
        (8, 12, "layers[4].from", "there is no layer `flaten_1` above", "Did you mean `flatten_1`?"),
        (
            9,
            13,
            "layers[5].Linear",
            'expected a whole number of at least 1, found the text "84"',
            "Write 84 without quotes.",
        ),
        (
            13,
            26,
            "train.optimizer.Adam.lr",
            'expected a real number of at least 0, found the text "fast"',
            None,
        ),
    ]
    assert {e.file for e in caught.value.errors} == {"five.yaml"}


def test_lenet5_has_61706_parameters() -> None:
    spec = load(Path(__file__).parents[2] / "specs" / "models" / "lenet5.yaml")
    assert spec.name == "lenet5"
    assert infer(spec).parameters == 61_706
    assert [(u.name, u.output) for u in infer(spec).layers][:2] == [
        ("conv2d_1", (6, 28, 28)),
        ("tanh_1", (6, 28, 28)),
    ]


def test_a_spec_is_made_in_one_step() -> None:
    for field in fields(ModelSpec):
        assert field.default is MISSING and field.default_factory is MISSING, field.name
    spec = loads("networks: {a: {input: [2], layers: [ReLU]}, b: {input: [3], layers: [Tanh]}}")
    for part in (spec, *spec.networks.values()):
        assert part.graph.complete and part.holes == () and part.attacks == {}
        assert (part.data, part.train, part.adversarial, part.game) == (None, None, None, None)


def test_a_pipe_a_folder_and_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("pipe.yaml", "."):
        with pytest.raises(SpecErrors, match="expected a file, found a"):
            load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.yaml")


def test_memory_is_bounded_before_anything_is_allocated() -> None:
    text = "input: [1000]\nlayers: [{Linear: 1000000}, {name: huge, Linear: 1000000}]\n"
    with pytest.raises(SpecErrors) as caught:
        loads(text)
    (error,) = caught.value.errors
    assert error.problem == "the parameters up to here take 3.6 TiB, and 4 GiB are allowed"
    assert error.hint == "This layer alone has 1,000,001,000,000 values."
    assert infer(loads(text, limit_bytes=1 << 50)).parameters == 1_001_000_000 + 1_000_001_000_000


def test_a_thousand_layers_are_read_in_a_blink() -> None:
    text = "input: [8]\nlayers:\n" + "  - Linear: 8\n  - ReLU\n" * 500
    assert len(infer(loads(text)).layers) == 1000

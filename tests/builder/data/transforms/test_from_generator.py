"""FromGenerator: made examples join a classifier's batches, and runs that cannot give any are told."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from builder import SpecErrors, load, loads
from builder.data.datasets.digits import Digits
from builder.data.info import Target
from builder.data.section import Data
from builder.data.transforms.from_generator import FromGenerator
from builder.data.transforms.rescale import Rescale
from builder.data.transforms.resize import Resize
from builder.errors import Cause
from builder.runtime import Proof, load_run, sample, train
from builder.runtime.data.splits import Splits, load_splits

GAN = """
networks:
  generator: {input: [4], layers: [{Linear: 64}, Tanh, {Unflatten: [1, 8, 8]}]}
  discriminator: {input: [1, 8, 8], layers: [Flatten, {Linear: 1}]}
adversarial:
  objective: NonSaturating
  CONDITIONAL
  optimizer: {generator: Adam, discriminator: Adam}
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}], split: {train: 0.1, test: 0.9}}
train: {epochs: 1, device: cpu, threads: 1, grid: 4}
"""
CLASSIFIER = """
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, augment: [{FromGenerator: RUN}], preprocess: [{Rescale: [-1, 1]}]}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs ``gan``, told of classes, ``plain``, not told, and ``classifier``."""
    out = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("train", "games.train_gan"):
            __import__(f"builder.runtime.{module}")
            patch.setattr(
                sys.modules[f"builder.runtime.{module}"], "export", lambda what, path: Proof(0.0, 0.0, (), 0)
            )
        train(loads(GAN.replace("CONDITIONAL", "conditional: embed"), folder=out), out / "gan")
        train(loads(GAN.replace("CONDITIONAL", "discriminator_steps: 1"), folder=out), out / "plain")
        train(
            loads(CLASSIFIER.replace("augment: [{FromGenerator: RUN}], ", ""), folder=out), out / "classifier"
        )
    return out


def _splits(folder: Path, share: float = 0.5) -> Splits:
    data = Data(
        source=Digits(),
        augment=(FromGenerator(run="gan", share=share),),
        preprocess=(Rescale(range=(-1, 1)),),
        batch_size=60,
    )
    return load_splits(data, folder, seed=3)


def test_made_examples_stand_behind_those_of_the_batch(folder: Path) -> None:
    plain = load_splits(
        Data(source=Digits(), preprocess=(Rescale(range=(-1, 1)),), batch_size=60), folder, seed=3
    )
    batch, own = next(_splits(folder).batches(0)), next(plain.batches(0))
    assert len(batch.x) == len(batch.y) == 90
    torch.testing.assert_close(batch.x[:60], own.x)
    assert batch.y[:60].equal(own.y)
    assert batch.y.dtype == torch.int64
    # What the generator of that run makes of the same classes, before and after the affine step.
    run = load_run(folder / "gan")
    assert batch.x[60:].min() >= -1 and batch.x[60:].max() <= 1
    made = sample(run, 30, seed=0, labels=batch.y[60:])
    per_class = [(batch.x[60:] + 1) / 2, made]
    means = [torch.stack([x[batch.y[60:] == k].mean(0) for k in batch.y[60:].unique()]) for x in per_class]
    assert (means[0] - means[1]).abs().mean() < 0.15, "the labels are those they were made of"


def test_classes_are_drawn_evenly_and_anew(folder: Path) -> None:
    splits = _splits(folder, share=2.0)
    batches = list(splits.batches(0))
    labels = torch.cat([batch.y[len(batch.y) // 3 :] for batch in batches])
    shares = labels.bincount(minlength=10) / len(labels)
    assert (shares - 0.1).abs().max() < 0.03
    again = list(splits.batches(0))
    assert all(
        one.x.equal(other.x) and one.y.equal(other.y) for one, other in zip(batches, again, strict=True)
    )
    assert not batches[0].x[60:].equal(batches[1].x[60:])
    assert not batches[0].x[60:].equal(next(splits.batches(1)).x[60:])


def test_a_share_of_nearly_nothing_adds_nothing(folder: Path) -> None:
    assert all(len(batch.x) <= 61 for batch in _splits(folder, share=0.001).batches(0))


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        ("none", "`none` is no folder that `gradspec train` wrote"),
        ("../gan", "`../gan` is no folder that `gradspec train` wrote"),
        ("plain", "the run `plain` is of a GAN that is not told the class"),
        ("classifier", "the run `classifier` trained no GAN"),
        ("unfinished", "the run `unfinished` is not finished"),
        ("odd", "`odd` is no folder that `gradspec train` wrote"),
        (
            "circle",
            "the spec of the run `circle` cannot be read: `.` is named by a run that was itself trained on made",
        ),
    ],
)
def test_other_runs_are_told_before_training(folder: Path, run: str, problem: str) -> None:
    for name in ("unfinished", "odd", "circle"):
        if not (folder / name).exists():
            shutil.copytree(folder / "gan", folder / name)
    (folder / "unfinished" / "weights.safetensors").unlink(missing_ok=True)
    (folder / "odd" / "environment.json").write_text("[]", encoding="utf-8")
    (folder / "circle" / "spec.yaml").write_text(
        CLASSIFIER.replace("FromGenerator: RUN", '"From\\x47enerator": .'), encoding="utf-8"
    )
    (folder / "circle" / "environment.json").write_text(json.dumps({"paths_from": "."}), encoding="utf-8")
    (folder / "model.yaml").write_text(CLASSIFIER.replace("RUN", run), encoding="utf-8")
    with pytest.raises(SpecErrors) as caught:
        load(folder / "model.yaml")
    (error,) = caught.value.errors
    assert error.problem.startswith(problem)
    assert error.path == "data.augment[0].FromGenerator"


def test_examples_of_another_shape_are_told(folder: Path) -> None:
    data = Data(source=Digits(), augment=(FromGenerator(run="gan"),), preprocess=(Resize(size=(9, 9)),))
    with pytest.raises(Cause, match="makes N×1×8×8, and examples are N×1×9×9") as caught:
        data.describe(folder)
    assert caught.value.field == "augment.0.FromGenerator.run"


def test_a_classifier_is_trained_with_them(folder: Path, tmp_path: Path) -> None:
    spec = loads(CLASSIFIER.replace("RUN", "gan"), folder=folder)
    run = train(spec, tmp_path / "run")
    assert run.metrics[-1]["train_loss"] is not None
    assert load_run(tmp_path / "run").spec.data == spec.data


def test_data_that_nothing_can_be_added_to_is_told(folder: Path) -> None:
    info = Data(source=Digits()).describe(folder)
    step = FromGenerator(run="gan")
    step.check(info, folder)
    for change, problem in (
        ({"target": Target(shape=(1,))}, "made examples come with a class, and the target is N×1 reals"),
        ({"target": Target(classes=9)}, "the generator of `gan` knows 10 classes, and the data has 9"),
        ({"range": None}, "makes values in .0, 1., and the data's are in no declared range"),
    ):
        with pytest.raises(Cause, match=problem):
            step.check(replace(info, **change), folder)  # type: ignore[arg-type]

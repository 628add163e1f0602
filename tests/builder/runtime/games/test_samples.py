"""Samples: in the source's units, the same for the same seed, of the classes that were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from builder import loads
from builder.errors import RunError
from builder.games.section import Noise
from builder.runtime import Proof, Run, sample, train
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.games.samples import classes_of, drawn, from_noise, in_source_units, in_turn, noise_of

PLAYERS = """
networks:
  generator: {input: [3], layers: [{Linear: 64}, {Unflatten: [1, 8, 8]}]}
  discriminator: {input: [1, 8, 8], layers: [Flatten, {Linear: 1}]}
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}], split: {train: 0.1, test: 0.9}}
adversarial:
  objective: LeastSquares
  noise: {distribution: uniform}
  optimizer: {generator: Adam, discriminator: Adam}
train: {epochs: 1, device: cpu, threads: 1, grid: 12}
"""


def run_of(out: Path, *sets: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builder.runtime.games.train_gan.export", lambda what, path: Proof(0.0, 0.0, (), 0))
        return train(loads(PLAYERS, sets=sets), out)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_of(tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_of(tmp_path_factory.mktemp("told") / "run", "adversarial.conditional=concatenate")


def by_hand(run: Run, noise: Tensor, *labels: Tensor) -> Tensor:
    with torch.no_grad():
        return ((run.module(noise, *labels) + 1) / 2).clamp(0, 1)


def test_samples_are_what_the_generator_makes_in_the_sources_units(plain: Run) -> None:
    noise = torch.rand(9, 3, generator=torch.Generator().manual_seed(5)) * 2 - 1
    found = sample(plain, 9, seed=5)
    torch.testing.assert_close(found, by_hand(plain, noise))
    assert found.shape == (9, 1, 8, 8) and found.dtype == torch.float32 and found.device.type == "cpu"
    assert found.min() == 0 and found.max() == 1, "an untrained line goes beyond [−1, 1]"
    assert not found.requires_grad and not found.is_inference()


def test_the_same_seed_the_same_samples(plain: Run) -> None:
    torch.manual_seed(1)
    one = sample(plain, 4)
    torch.manual_seed(2)
    assert torch.equal(one, sample(plain.folder, 4)), "a folder is as good as its run"
    assert not torch.equal(one, sample(plain, 4, seed=1))


def test_between_two_points_of_noise(plain: Run) -> None:
    ends = noise_of(plain, 2, seed=3)
    between = torch.lerp(ends[0], ends[1], torch.linspace(0, 1, 5)[:, None])
    found = from_noise(plain, between)
    torch.testing.assert_close(found[[0, -1]], sample(plain, 2, seed=3))


def test_classes_in_turn_one_for_all_or_one_each(told: Run) -> None:
    noise = noise_of(told, 12)
    turns = torch.arange(12) % 10
    torch.testing.assert_close(sample(told, 12), by_hand(told, noise, turns))
    torch.testing.assert_close(sample(told, 12, labels=7), by_hand(told, noise, torch.full((12,), 7)))
    torch.testing.assert_close(
        sample(told, 12, labels=turns.flip(0).tolist()), by_hand(told, noise, turns.flip(0))
    )
    assert classes_of(told.module) == 10


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (10, "knows the classes 0 to 9, and labels from 10 to 10"),
        ([0, -1], "labels from -1 to 0 are given"),
        ([0, 1, 2], r"one for all or one for each of 2 samples, not \[3\] of int64"),
        (torch.tensor([0.0, 1.0]), "of float32"),
        (torch.tensor([0j, 1j]), "of complex64"),
        ("three", "one for all or one for each of 2 samples, not 'three'"),
        ([[0], [0, 1]], r"not \[\[0\], \[0, 1\]\]"),
        (10**30, "Labels are whole numbers"),
    ],
)
def test_labels_that_cannot_be(told: Run, labels: Any, problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        sample(told, 2, labels=labels)


def test_what_cannot_be_sampled(plain: Run, run: Run) -> None:
    assert classes_of(plain.module) is None and in_turn(plain.module, 3) is None
    with pytest.raises(RunError, match="was not told of classes, and labels are given"):
        sample(plain, 2, labels=1)
    with pytest.raises(RunError, match="has no generator to sample from"):
        sample(run, 2)
    with pytest.raises(RunError, match="from 1 to 1000000, not 0"):
        sample(plain, 0)
    for seed in (-1, 2**63):
        with pytest.raises(RunError, match="A seed is from 0 to"):
            sample(plain, 1, seed)


def test_noise() -> None:
    normal = drawn(Noise(size=(2, 3)), 4000, torch.Generator().manual_seed(0))
    uniform = drawn(Noise(distribution="uniform", size=(1,)), 4000, torch.Generator().manual_seed(0))
    assert normal.shape == (4000, 2, 3)
    assert abs(float(normal.mean())) < 0.03 and abs(float(normal.std()) - 1) < 0.03
    assert -1 <= float(uniform.min()) < -0.99 and 0.99 < float(uniform.max()) <= 1


def test_preprocessing_is_undone() -> None:
    x = torch.rand(4, 3, 5, 5)
    colours = Preprocessing(scale=(2.0, 4.0, 0.5), shift=(0.1, -0.2, 0.3))
    torch.testing.assert_close(in_source_units(colours.apply_affine(x), colours, (0.0, 1.0)), x)
    series, table = torch.randn(4, 6, 2), torch.randn(4, 2)
    each = Preprocessing(scale=(2.0, 4.0), shift=(0.1, -0.2))
    for values in (series, table):
        torch.testing.assert_close(in_source_units(each.apply_affine(values), each, None), values)
    assert torch.equal(
        in_source_units(torch.tensor([[-3.0, 9.0]]), Preprocessing(), (0.0, 1.0)), torch.eye(2)[1:]
    )

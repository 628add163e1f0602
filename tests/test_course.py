"""What the shipped sequence models reach, each beside a baseline that has learnt nothing, or next to nothing.

The figures are bounds with room: another version of torch, or another number of threads, gives other last bits.
"""

from __future__ import annotations

import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from builder import ModelSpec, load
from builder.runtime import Proof, Run, build, evaluate, train
from builder.runtime.data.splits import load_splits
from builder.runtime.insight.gradient_flow import follow, random_question
from builder.runtime.text.sampling import write_on

MODELS = Path(str(files("specs") / "models"))


@pytest.fixture(autouse=True)
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """That every shipped spec exports is another test's business, and takes time."""

    def export(what: object, path: Path) -> Proof:
        return Proof(0.0, 0.0, (), 0)

    monkeypatch.setattr(sys.modules["builder.runtime.train"], "export", export)


def spec_of(name: str, *sets: str) -> ModelSpec:
    return load(MODELS / f"{name}.yaml", sets=("train.device=cpu", "train.threads=1", *sets))


def trained(name: str, folder: Path, *sets: str) -> Run:
    return train(spec_of(name, *sets), folder / "run")


@pytest.mark.slow
def test_text_generation_knows_more_than_pairs_of_characters_and_writes_words(tmp_path: Path) -> None:
    run = trained("text_generation", tmp_path)
    bits = np.log2(evaluate(run)["test_perplexity"])
    assert bits <= 2.75 < pairs_of_characters(run.spec) - 0.7
    novel = set((MODELS.parent / "data" / "tom_sawyer.txt").read_text(encoding="utf-8").split())
    words = write_on(run, "Tom ", 1000, temperature=0.5, seed=0).split()[1:-1]
    assert 120 <= len(words) <= 330
    assert sum(word in novel for word in words) >= 0.6 * len(words)


def pairs_of_characters(spec: ModelSpec) -> float:
    """Bits per character of the test part for who knows how often each character follows each other."""
    assert spec.data is not None
    parts = load_splits(spec.data, spec.folder, seed=0)
    assert parts.test is not None
    size = 1 + int(max(part.x.max() for part in (parts.train, parts.test)))
    counts = np.ones((size, size))
    np.add.at(counts, (parts.train.x.flatten().numpy(), parts.train.y.flatten().numpy()), 1)
    odds = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log2(odds[parts.test.x.flatten().numpy(), parts.test.y.flatten().numpy()]).mean())


@pytest.mark.slow
def test_the_gates_of_a_lecture_read_digits(tmp_path: Path) -> None:
    assert evaluate(trained("gates_lstm", tmp_path))["test_accuracy"] >= 0.93


@pytest.mark.slow
def test_sunspots_are_forecast_better_than_by_last_year(tmp_path: Path) -> None:
    figures = evaluate(trained("sunspots", tmp_path))
    assert figures["test_rmse"] <= 0.75 * figures["test_naive_rmse"]


@pytest.mark.slow
def test_stocks_are_forecast_about_as_well_as_by_this_month(tmp_path: Path) -> None:
    figures = evaluate(trained("stocks", tmp_path))
    assert figures["test_rmse"] <= 1.01 * figures["test_naive_rmse"]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [100, 400])
def test_the_adding_problem_is_solved(steps: int, tmp_path: Path) -> None:
    assert evaluate(trained(f"adding_problem_{steps}", tmp_path))["test_loss"] <= 0.01  # ignorance: 0.167


@pytest.mark.slow
def test_an_elman_network_does_not_solve_the_adding_problem(tmp_path: Path) -> None:
    run = trained("adding_problem_elman", tmp_path, "train.epochs=3")
    assert evaluate(run)["test_loss"] >= 0.12


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "ignorance"), [(100, 0.173), (400, 0.0495)])
def test_symbols_are_remembered(steps: int, ignorance: float, tmp_path: Path) -> None:
    figures = evaluate(trained(f"copy_memory_{steps}", tmp_path))
    assert ignorance == pytest.approx(10 * np.log(8) / (steps + 20), rel=0.01)
    assert figures["test_loss"] <= 0.5 * ignorance
    assert 1 - figures["test_accuracy"] <= 0.15 * 10 / (steps + 20)  # of ten symbols, 1.5 wrong


@pytest.mark.slow
def test_a_tagger_knows_more_than_each_words_most_frequent_tag(tmp_path: Path) -> None:
    run = trained("tagger", tmp_path)
    assert evaluate(run)["test_accuracy"] >= 0.02 + most_frequent_tags(run.spec) >= 0.87


def most_frequent_tags(spec: ModelSpec) -> float:
    """The share of test tokens with the tag that the token has most often in training."""
    assert spec.data is not None
    parts = load_splits(spec.data, spec.folder, seed=0)
    tags: dict[int, Counter[int]] = {}
    pairs = {}
    for name, part in (("train", parts.train), ("test", parts.test)):
        assert part is not None and part.lengths is not None
        real = np.arange(part.x.shape[1]) < part.lengths.numpy()[:, None]
        pairs[name] = list(zip(part.x.numpy()[real].tolist(), part.y.numpy()[real].tolist(), strict=True))
    for token, tag in pairs["train"]:
        tags.setdefault(token, Counter())[tag] += 1
    likeliest = {token: counts.most_common(1)[0][0] for token, counts in tags.items()}
    return float(np.mean([likeliest[token] == tag for token, tag in pairs["test"]]))


def test_a_gradient_vanishes_in_an_elman_network_and_not_in_an_lstm_that_begins_open() -> None:
    shares = {}
    for name in ("adding_problem_elman", "adding_problem_100"):
        spec = spec_of(name)
        network = build(spec)
        shares[name] = follow(network, random_question(network, spec, 100)).share(99)
    assert shares["adding_problem_elman"] < 1e-12
    assert 0.1 < shares["adding_problem_100"] < 10

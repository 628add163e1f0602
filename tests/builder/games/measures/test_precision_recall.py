"""precision_recall, against the reference implementation of its authors."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from builder.games.measures.measure import Sampled
from builder.games.measures.precision_recall import precision_recall


@pytest.mark.parametrize("k", [1, 5])
def test_it_is_prdc(sampled: Callable[..., Sampled], k: int) -> None:
    prdc = pytest.importorskip("prdc")
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(300, 4, generator=generator)
    fake = 0.7 * torch.randn(200, 4, generator=generator) + torch.tensor([1.0, 0, 0, 0])
    wanted = prdc.compute_prdc(real.double().numpy(), fake.double().numpy(), k)
    found = precision_recall(k=k).of(sampled(fake, real))
    assert found == pytest.approx(wanted)
    assert 0.1 < found["recall"] < found["precision"] < 1


def test_in_a_classifiers_features(sampled: Callable[..., Sampled], classifier: Callable[..., str]) -> None:
    prdc = pytest.importorskip("prdc")
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(6, 5, generator=generator)
    name = classifier(first, torch.randn(5, 3, generator=generator), scale=2.0)
    real, fake = torch.randn(150, 6, generator=generator), torch.rand(100, 6, generator=generator)
    wanted = prdc.compute_prdc((2 * real @ first).relu().numpy(), (2 * fake @ first).relu().numpy(), 5)
    assert precision_recall(classifier=name).of(sampled(fake, real)) == pytest.approx(wanted)


def test_what_is_no_number_is_never_good(sampled: Callable[..., Sampled]) -> None:
    generator = torch.Generator().manual_seed(2)
    real, fake = torch.randn(100, 2, generator=generator), torch.randn(100, 2, generator=generator)
    plain = precision_recall().of(sampled(fake, real))
    spoilt = torch.cat([fake, torch.full((100, 2), math.nan)])
    found = precision_recall().of(sampled(spoilt, real))
    assert found["precision"] == plain["precision"] / 2
    assert found["density"] == pytest.approx(plain["density"] / 2)
    assert (found["recall"], found["coverage"]) == (plain["recall"], plain["coverage"])
    assert set(precision_recall().of(sampled(spoilt[100:], real)).values()) == {0.0}


def test_one_point_repeated_has_no_recall(sampled: Callable[..., Sampled]) -> None:
    real = torch.randn(200, 2, generator=torch.Generator().manual_seed(3))
    found = precision_recall().of(sampled(torch.zeros(200, 2), real))
    assert found["precision"] == 1
    assert found["recall"] == 0
    assert found["coverage"] < 0.2

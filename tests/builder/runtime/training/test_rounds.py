"""What is told of an epoch: means of what happened, and the first loss that is no number."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from builder.runtime.training.rounds import Played, Spoilt

NAN, INF = math.nan, math.inf


def losses(*values: float) -> list[Tensor]:
    return [torch.tensor(value) for value in values]


def test_figures_are_means() -> None:
    played = Played(
        losses(1.0, 3.0), losses(5.0), [2], [torch.zeros(3, 1), torch.full((1, 1), 50.0)], [torch.zeros(2, 1)]
    )
    assert played.figures() == pytest.approx(
        {"generator_loss": 5.0, "discriminator_loss": 2.0, "real_score": 0.625, "fake_score": 0.5}
    )


def test_what_did_not_happen_is_none() -> None:
    assert set(Played().figures().values()) == {None}
    assert Played().spoilt() is None


@pytest.mark.parametrize(
    ("discriminator", "generator", "wanted"),
    [
        ((1.0, 2.0, 3.0), (1.0, 2.0), None),
        ((1.0, 2.0, INF), (1.0, NAN), Spoilt("discriminator", 3, INF)),
        ((1.0, -INF, NAN), (NAN, NAN), Spoilt("generator", 1, NAN)),
        ((NAN, NAN, NAN), (NAN, NAN), Spoilt("discriminator", 1, NAN)),
    ],
)
def test_the_first_that_is_no_number(
    discriminator: tuple[float, ...], generator: tuple[float, ...], wanted: Spoilt | None
) -> None:
    """The generator stepped after batches 1 and 3; where both are spoilt the discriminator came first."""
    found = Played(losses(*discriminator), losses(*generator), [1, 3]).spoilt()
    assert str(found) == str(wanted)

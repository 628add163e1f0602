"""discriminator_accuracy, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from builder.games.measures.discriminator_accuracy import discriminator_accuracy
from builder.games.measures.measure import Sampled


def test_both_halves_count_alike(sampled: Callable[..., Sampled]) -> None:
    real, fake = torch.tensor([[1.0], [2.0], [-1.0], [0.0]]), torch.tensor([[-1.0], [1.0]])
    looked_at = replace(sampled(torch.zeros(2, 2)), real_logits=real, fake_logits=fake)
    assert discriminator_accuracy().of(looked_at) == {"discriminator_accuracy": (2 / 4 + 1 / 2) / 2}


def test_one_that_always_says_the_same_is_right_half_the_time(sampled: Callable[..., Sampled]) -> None:
    for value in (-3.0, 0.0, 3.0):
        logits = torch.full((5, 1), value)
        looked_at = replace(sampled(torch.zeros(5, 2)), real_logits=logits, fake_logits=logits)
        assert discriminator_accuracy().of(looked_at) == {"discriminator_accuracy": 0.5}
    nothing = torch.full((5, 1), math.nan)
    looked_at = replace(sampled(torch.zeros(5, 2)), real_logits=nothing, fake_logits=nothing)
    assert discriminator_accuracy().of(looked_at) == {"discriminator_accuracy": 0.0}

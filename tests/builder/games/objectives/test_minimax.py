"""The first game's generator, worked out on paper; its discriminator is `CrossEntropyObjective`'s."""

from __future__ import annotations

import pytest
import torch

from builder import objective


def test_where_all_logits_are_one() -> None:
    assert float(objective("Minimax").generator_loss(torch.ones(5, 1))) == pytest.approx(-1.3133, abs=5e-5)


def test_it_saturates() -> None:
    sure = torch.full((1, 1), -20.0)
    assert abs(float(objective("Minimax").generator_gradient(sure))) < 1e-8

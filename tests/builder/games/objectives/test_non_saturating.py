"""The generator of the game as it is mostly played, on paper; its discriminator is `CrossEntropyObjective`'s."""

from __future__ import annotations

import pytest
import torch

from builder import objective


def test_where_all_logits_are_one() -> None:
    non_saturating = objective("NonSaturating")
    assert float(non_saturating.generator_loss(torch.ones(5, 1))) == pytest.approx(0.3133, abs=5e-5)


def test_it_does_not_saturate() -> None:
    sure = torch.full((1, 1), -20.0)
    assert float(objective("NonSaturating").generator_gradient(sure)) == pytest.approx(-1)

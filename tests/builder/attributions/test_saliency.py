"""Saliency of what is linear is |w|."""

from __future__ import annotations

import pytest
import torch

from builder.attributions.attribution import Asked
from builder.attributions.saliency import Saliency

pytest.importorskip("captum")


def test_of_a_linear_function_it_is_the_size_of_the_weights() -> None:
    w = torch.tensor([3.0, -2.0, 0.0])
    asked = Asked(lambda x: x @ w + 5, torch.ones(1, 3), torch.zeros(1, 3), "table")
    found = Saliency().attribute(asked)
    assert found.values.tolist() == [3.0, 2.0, 0.0]
    assert (found.change, found.delta, found.layer) == (None, None, None)


def test_it_sees_the_nearest_surroundings_alone() -> None:
    asked = Asked(lambda x: x.relu().sum(1), torch.tensor([[-1.0, 4.0]]), torch.zeros(1, 2), "table")
    assert Saliency().attribute(asked).values.tolist() == [0.0, 1.0]

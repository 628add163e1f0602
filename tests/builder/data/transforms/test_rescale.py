"""Rescale: from the declared range, never from the values."""

from __future__ import annotations

import pytest
import torch

from builder.data.transforms.rescale import Rescale
from builder.errors import Cause


@pytest.mark.parametrize("span", [(0.0, 1.0), (-2.0, 6.0)])
def test_the_ends_of_the_range_meet(span: tuple[float, float]) -> None:
    scale, shift = Rescale(range=(-1, 1)).fit(None, span)
    ends = torch.tensor(span, dtype=torch.float64) * scale + shift
    assert ends.tolist() == [-1, 1]
    assert Rescale(range=(-1, 1)).range_after(span) == (-1, 1)


def test_values_do_not_matter() -> None:
    dark = torch.full((2, 1, 2, 2), 0.1)
    assert Rescale(range=(0, 2)).fit(dark, (0.0, 1.0)) == Rescale(range=(0, 2)).fit(None, (0.0, 1.0))


def test_a_range_is_needed() -> None:
    with pytest.raises(Cause, match="`Rescale` needs a source with a declared range"):
        Rescale().range_after(None)

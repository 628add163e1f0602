"""RGB: one channel three times, three channels as they are."""

from __future__ import annotations

import torch

from builder.data.transforms.rgb import RGB


def test_grey_becomes_three() -> None:
    x = torch.rand(2, 1, 4, 5)
    assert torch.equal(RGB().apply(x), torch.cat([x, x, x], dim=1))


def test_colour_stays() -> None:
    x = torch.rand(2, 3, 4, 5)
    assert torch.equal(RGB().apply(x), x)

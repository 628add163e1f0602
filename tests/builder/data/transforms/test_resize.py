"""Resize: sizes after torchvision's rule, values after torch's own interpolation."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from builder.data.transforms.resize import Resize
from builder.shapes import TensorType


@pytest.mark.parametrize(
    ("spec", "height", "width", "goal"),
    [
        (Resize(size=(5, 7)), 8, 8, (5, 7)),
        (Resize(size=32), 40, 60, (32, 48)),  # the shorter side, the longer rounded down
        (Resize(size=32), 60, 41, (46, 32)),
        (Resize(size=32, max_size=40), 40, 60, (26, 40)),
        (Resize(size=8), 8, 8, (8, 8)),
        (Resize(size=2, max_size=3), 1000, 1, (3, 1)),
    ],
)
def test_the_goal_is_torchvisions(spec: Resize, height: int, width: int, goal: tuple[int, int]) -> None:
    assert spec.rule(TensorType((3, height, width))).shape == (3, *goal)
    assert spec.apply(torch.rand(2, 3, height, width)).shape == (2, 3, *goal)


@pytest.mark.parametrize("goal", [(3, 4), (16, 15)])
def test_values_are_torchs(goal: tuple[int, int]) -> None:
    x = torch.rand(2, 1, 8, 8)
    expected = interpolate(x, goal, mode="bilinear", antialias=True, align_corners=False)
    assert torch.equal(Resize(size=goal).apply(x), expected)
    nearest = Resize(size=goal, interpolation="nearest").apply(x)
    assert torch.equal(nearest, interpolate(x, goal, mode="nearest"))


def test_antialias_averages() -> None:
    board = (torch.arange(64).reshape(1, 1, 8, 8) % 2).float()  # columns of 0 and 1
    assert Resize(size=(4, 4)).apply(board)[0, 0, 2, 1:3].tolist() == pytest.approx([0.5, 0.5], abs=0.1)
    exact = Resize(size=(1, 1), antialias=False).apply(board)
    assert exact.item() == 0.5  # the mean of the two columns in the middle


def test_bicubic_stays_in_range() -> None:
    x = (torch.rand(4, 1, 8, 8) > 0.5).float()
    raw = interpolate(x, (20, 20), mode="bicubic", antialias=True, align_corners=False)
    assert raw.max() > 1
    resized = Resize(size=20, interpolation="bicubic").apply(x)
    assert torch.equal(resized, raw.clamp(0, 1))

"""Grayscale: brightness after BT.601, as torchvision has it."""

from __future__ import annotations

import torch

from builder.data.transforms.grayscale import Grayscale


def test_colours_have_their_weights() -> None:
    pure = torch.eye(3).reshape(3, 3, 1, 1)
    assert Grayscale().apply(pure).flatten().tolist() == torch.tensor([0.2989, 0.587, 0.114]).tolist()


def test_three_equal_channels() -> None:
    x = torch.rand(2, 3, 4, 5)
    grey = Grayscale(num_output_channels=3).apply(x)
    assert grey.shape == (2, 3, 4, 5)
    assert torch.equal(grey, Grayscale().apply(x).expand(-1, 3, -1, -1))


def test_grey_stays() -> None:
    x = torch.rand(2, 1, 4, 5)
    assert torch.equal(Grayscale().apply(x), x)

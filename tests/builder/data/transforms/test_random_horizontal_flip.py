"""RandomHorizontalFlip: by hand."""

from __future__ import annotations

import torch

from builder.data.transforms.random_horizontal_flip import RandomHorizontalFlip


def _corner() -> torch.Tensor:
    x = torch.zeros(1, 1, 2, 3)
    x[0, 0, 0, 0] = 1
    return x


def test_a_corner_goes_to_the_other_side() -> None:
    flipped = RandomHorizontalFlip(p=1).apply(_corner(), torch.Generator())
    assert flipped.tolist() == [[[[0, 0, 1], [0, 0, 0]]]]
    assert torch.equal(RandomHorizontalFlip(p=0).apply(_corner(), torch.Generator()), _corner())


def test_each_example_has_its_own_draw() -> None:
    x = _corner().expand(2000, -1, -1, -1)
    generator = torch.Generator().manual_seed(0)
    flipped = RandomHorizontalFlip(p=0.25).apply(x, generator)[:, 0, 0, 2]
    assert 420 <= int(flipped.sum()) <= 580
    again = RandomHorizontalFlip(p=0.25).apply(x, torch.Generator().manual_seed(0))[:, 0, 0, 2]
    assert torch.equal(flipped, again)
    assert torch.equal(generator.get_state(), _after(2000))


def _after(draws: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    torch.rand(draws, generator=generator)
    return generator.get_state()

"""frechet_distance, against torchmetrics and against Gaussians whose distance is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from builder.games.measures.frechet_distance import frechet_distance
from builder.games.measures.measure import Sampled


class _Flat(nn.Module):
    num_features = 12

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def test_it_is_torchmetrics(sampled: Callable[..., Sampled]) -> None:
    theirs = pytest.importorskip("torchmetrics.image.fid")
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(300, 3, 2, 2, generator=generator)
    fake = torch.rand(200, 3, 2, 2, generator=generator) ** 2
    fid = theirs.FrechetInceptionDistance(
        feature=_Flat(), normalize=True, input_img_size=(3, 2, 2), antialias=False
    ).set_dtype(torch.float64)
    fid.update(real.double(), real=True)
    fid.update(fake.double(), real=False)
    found = frechet_distance().of(sampled(fake, real))["frechet_distance"]
    assert found == pytest.approx(float(fid.compute()), rel=1e-6)
    assert found > 0.1


def test_gaussians_in_closed_form(sampled: Callable[..., Sampled]) -> None:
    # Exact moments: every corner of a square, so mean 0 and variance 4/3 on each axis.
    square = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    moved = square * torch.tensor([3.0, 1.0]) + torch.tensor([0.0, 5.0])
    found = frechet_distance().of(sampled(moved, square))["frechet_distance"]
    std = math.sqrt(4 / 3)
    assert found == pytest.approx(25 + (3 * std - std) ** 2)
    assert frechet_distance().of(sampled(square, square))["frechet_distance"] == pytest.approx(0, abs=1e-9)


def test_what_is_no_number_is_infinitely_far(sampled: Callable[..., Sampled]) -> None:
    real = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    spoilt = real.clone()
    spoilt[3, 1] = math.nan
    assert frechet_distance().of(sampled(spoilt, real)) == {"frechet_distance": math.inf}

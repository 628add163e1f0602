"""nearest_neighbours: copies of training digits are found, new digits are not."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from builder.data.datasets.digits import Digits
from builder.data.section import Data
from builder.errors import Cause
from builder.games.measures.measure import Sampled
from builder.games.measures.nearest_neighbours import nearest_neighbours
from builder.runtime.data.splits import load_splits


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensor, Tensor, Tensor]:
    """Digits to train on, to hold out, and others still."""
    splits = load_splits(Data(source=Digits()), tmp_path_factory.mktemp("data"))
    assert splits.validation is not None and splits.test is not None
    return splits.train.x, splits.validation.x, splits.test.x


def test_new_digits_are_no_copies(
    sampled: Callable[..., Sampled], digits: tuple[Tensor, Tensor, Tensor]
) -> None:
    trained, held_out, new = digits
    found = nearest_neighbours().of(sampled(new, held_out, trained))
    assert found["copied"] < 0.01
    assert found["nearest_ratio"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (-1, 1)])
def test_copies_are_found_where_they_were_moved(
    sampled: Callable[..., Sampled], digits: tuple[Tensor, Tensor, Tensor], down: int, right: int
) -> None:
    trained, held_out, _ = digits
    edge = torch.nn.functional.pad(trained, (1, 1, 1, 1))
    copies = edge[:200, :, 1 - down : 9 - down, 1 - right : 9 - right]
    found = nearest_neighbours().of(sampled(copies, held_out, trained))
    assert found["copied"] == 1
    assert found["nearest_ratio"] < 0.01
    if down or right:
        assert nearest_neighbours(shift=0).of(sampled(copies, held_out, trained))["copied"] < 0.05


def test_faint_noise_hides_no_copy(
    sampled: Callable[..., Sampled], digits: tuple[Tensor, Tensor, Tensor]
) -> None:
    trained, held_out, _ = digits
    noise = 0.05 * torch.randn(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert nearest_neighbours().of(sampled(trained[:200] + noise, held_out, trained))["copied"] > 0.9


def test_a_shift_beyond_the_image_is_refused(tmp_path: Path) -> None:
    data = Data(source=Digits())
    info = data.describe(tmp_path)
    nearest_neighbours(shift=3).check(data, info, tmp_path)
    with pytest.raises(Cause, match="images of N×1×8×8 shifted by 4 hardly overlap") as caught:
        nearest_neighbours(shift=4).check(data, info, tmp_path)
    assert caught.value.field == "shift"


def test_points_and_what_is_no_number(sampled: Callable[..., Sampled]) -> None:
    generator = torch.Generator().manual_seed(1)
    trained, held_out = torch.randn(50, 2, generator=generator), torch.randn(20, 2, generator=generator)
    samples = torch.cat([trained[:5], torch.full((5, 2), math.nan)])
    found = nearest_neighbours(closer=0.01).of(sampled(samples, held_out, trained))
    assert found["copied"] == 0.5
    assert math.isnan(nearest_neighbours().of(sampled(samples[5:], held_out, trained))["nearest_ratio"])

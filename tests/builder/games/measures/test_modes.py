"""modes, against counting by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from builder.data.datasets.digits import Digits
from builder.data.section import Data
from builder.errors import Cause
from builder.games.measures.measure import Sampled
from builder.games.measures.modes import modes

CENTRES = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


class Mixture:
    """A source that knows its modes."""

    std = 0.1

    def centres(self) -> list[list[float]]:
        return CENTRES


MIXTURE = Data.model_construct(source=Mixture())  # type: ignore[arg-type]


def test_points_are_counted(sampled: Callable[..., Sampled]) -> None:
    points = [[0.0, 0.29], [0.0, 0.31], [1.0, 0.0], [0.9, 0.1], [math.nan, 0.0], [math.inf, 0.0], [0.5, 0.5]]
    looked_at = sampled(torch.tensor(points), data=MIXTURE)
    assert modes().of(looked_at) == {"modes": 2.0, "good_samples": pytest.approx(3 / 7)}
    assert modes(within=3.2).of(looked_at)["good_samples"] == pytest.approx(4 / 7)
    assert modes(least=2).of(looked_at)["modes"] == 1


def test_a_perfect_sampler(sampled: Callable[..., Sampled]) -> None:
    generator = torch.Generator().manual_seed(0)
    which = torch.randint(3, (20_000,), generator=generator)
    points = torch.tensor(CENTRES)[which] + 0.1 * torch.randn(20_000, 2, generator=generator)
    found = modes().of(sampled(points, data=MIXTURE))
    assert found["modes"] == 3
    assert found["good_samples"] == pytest.approx(1 - math.exp(-(3**2) / 2), abs=2e-3)  # Rayleigh


def test_other_sources_know_no_modes(tmp_path: Path) -> None:
    info: Any = None
    modes().check(MIXTURE, info, tmp_path)
    with pytest.raises(Cause, match="needs a source that knows its modes, and `Digits` does not"):
        modes().check(Data(source=Digits()), info, tmp_path)

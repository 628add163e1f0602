"""Ways through noise: ends, lengths and steps, against what is known of arcs and lines."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from builder import loads
from builder.errors import RunError
from builder.runtime import build_networks
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.games.interpolation import arc, interpolate, line
from builder.runtime.games.samples import from_noise, noise_of

GAN = """
networks:
  generator: {input: [4], layers: [{Linear: 6}]}
  discriminator: {input: [6], layers: [{Linear: 1}]}
adversarial:
  objective: NonSaturating
  noise: {distribution: DISTRIBUTION}
  optimizer: {generator: Adam, discriminator: Adam}
"""


def _run(distribution: str) -> Any:
    spec = loads(GAN.replace("DISTRIBUTION", distribution))
    module = build_networks(spec, 0)["generator"].eval()
    return SimpleNamespace(
        spec=spec, module=module, preprocessing=Preprocessing(), bounds=None, folder=Path("r")
    )


def _ends(n: int = 3, size: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, size, generator=generator), torch.randn(n, size, generator=generator)


@pytest.mark.parametrize("between", [line, arc])
def test_both_ends_are_reached_way_by_way(between: Any) -> None:
    start, end = _ends()
    points = between(start, end, 4).unflatten(0, (3, 4))
    torch.testing.assert_close(points[:, 0], start)
    torch.testing.assert_close(points[:, -1], end)


def test_a_quarter_circle() -> None:
    points = arc(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 4)
    angles = [0, math.pi / 6, math.pi / 3, math.pi / 2]
    torch.testing.assert_close(points, torch.tensor([[2 * math.cos(a), 2 * math.sin(a)] for a in angles]))


def test_arcs_keep_the_length_that_lines_lose() -> None:
    start, end = _ends(size=1000)
    length = math.sqrt(1000)
    middle = arc(start, end, 3)[1::3].norm(dim=1), line(start, end, 3)[1::3].norm(dim=1)
    assert (middle[0] / length - 1).abs().max() < 0.1
    assert (middle[1] / length - math.sqrt(0.5)).abs().max() < 0.1


def test_no_arc_leads_to_the_same_or_the_opposite_direction() -> None:
    start = torch.tensor([[1.0, 2.0]])
    torch.testing.assert_close(arc(start, 3 * start, 3), torch.cat([start, 2 * start, 3 * start]))
    assert arc(start, -start, 3).isfinite().all()


@pytest.mark.parametrize(("distribution", "between"), [("normal", arc), ("uniform", line)])
def test_samples_on_the_way(distribution: str, between: Any) -> None:
    run = _run(distribution)
    found = interpolate(run, 2, 5, seed=7)
    noise = noise_of(run, 4, 7)
    torch.testing.assert_close(found, from_noise(run, between(noise[:2], noise[2:], 5)))
    assert found.shape == (10, 6)


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(RunError, match="A way has at least 2 steps"):
        interpolate(_run("normal"), 2, 1)
    with pytest.raises(RunError, match="was not told of classes"):
        interpolate(_run("normal"), 2, 3, label=1)
    with pytest.raises(RunError, match="at most 1000000 samples, and 2 of 500001 have more"):
        interpolate(_run("normal"), 2, 500_001)

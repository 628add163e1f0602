"""Ways through noise: samples that turn into one another step by step."""

from __future__ import annotations

import torch
from torch import Tensor

from builder.errors import RunError
from builder.runtime.games.samples import MOST, classes_of, from_noise, noise_of
from builder.runtime.runs.run import Run


def interpolate(run: Run, ways: int, steps: int, seed: int = 0, label: int | None = None) -> Tensor:
    """``ways`` ways through a GAN's noise, each of ``steps`` samples: ways·steps×…, one way after the other.

    Each goes from one point of noise to another, both drawn with ``seed``; normal noise on the arc between
    them, uniform noise on the line. In units of the source, on the CPU. ``label`` is the class of all samples;
    absent, each way of a conditional run has its own, 0, 1, 2 … in turn. Raises ``RunError`` as ``sample`` does,
    for fewer than 2 steps, and for more than a million samples in all.
    """
    if steps < 2:
        raise RunError(f"A way has at least 2 steps, its ends, not {steps}.")
    if ways * steps > MOST:
        raise RunError(f"All ways together have at most {MOST} samples, and {ways} of {steps} have more.")
    ends = noise_of(run, 2 * ways, seed)
    assert run.spec.adversarial is not None, "`noise_of` refuses others"
    between = arc if run.spec.adversarial.noise.distribution == "normal" else line
    points = between(ends[:ways], ends[ways:], steps)
    classes = classes_of(run.module)
    if label is None and classes is not None:
        return from_noise(run, points, (torch.arange(ways) % classes).repeat_interleave(steps))
    return from_noise(run, points, label)


def line(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Points on the lines from ``start`` to ``end`` (N×… each), ends included: N·steps×…."""
    share = torch.linspace(0, 1, steps).view(1, -1, *[1] * (start.dim() - 1))
    return torch.lerp(start[:, None], end[:, None], share).flatten(0, 1)


def arc(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The same on arcs: lengths stay those of normal noise, of which the middle of a line falls short.

    Half way between two points at 2 from 0, at a right angle, the line is at √2 from 0 and the arc still at 2:

    >>> start, end = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> line(start, end, 3).tolist()
    [[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]]
    >>> arc(start, end, 3).double().round(decimals=4).tolist()
    [[2.0, 0.0], [1.4142, 1.4142], [0.0, 2.0]]

    Source: White, "Sampling Generative Networks" (2016).
    """
    begin, other = start.flatten(1), end.flatten(1)
    cosine = torch.cosine_similarity(begin, other, dim=1).clamp(-1, 1)
    angle = cosine.arccos()[:, None, None]
    share = torch.linspace(0, 1, steps)[None, :, None]
    still = angle.sin().abs() < 1e-6  # the same direction, or the opposite one, to which no arc leads
    whole = torch.where(still, torch.ones_like(angle), angle.sin())
    weight, other_weight = (torch.sin(part * angle) / whole for part in (1 - share, share))
    points = weight * begin[:, None] + other_weight * other[:, None]
    points = torch.where(still, torch.lerp(begin[:, None], other[:, None], share), points)
    return points.reshape(-1, *start.shape[1:])

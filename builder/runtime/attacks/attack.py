"""Attacks on any classifier: a module or a function, a batch, an attack, and the attacked batch.

Two things make a network look more robust than it is. A saturated softmax has a gradient of 0: ``gradient_report``
finds it, and ``at_unit_spread`` attacks in spite of it. A random network gives other outputs each time:
``gradient_report`` finds that too.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from builder.errors import Place, Report, RunError
from builder.language.nodes import Mapping, Node, Scalar, Sequence
from builder.reader import Reader
from builder.robustness.attacks.aim import Aim, Logits
from builder.robustness.attacks.attack import Attack, attacks
from builder.runtime.attacks.perturbation import Watched, cross_entropy, slope, unchanged

Said = Attack | str | MappingABC[str, Any]


def attack(
    module: Logits,
    x: Tensor,
    y: Tensor,
    what: Said,
    bounds: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> Tensor:
    """The attacked inputs: N×…, of the shape, type and device of ``x``, within ``bounds`` and within ``eps`` of it.

    ``module`` is an ``nn.Module`` or any function from inputs N×… to logits N×classes; ``x`` are inputs within
    ``bounds``, ``y`` (int64, N) their true classes, or the classes to reach where the attack is ``targeted``.
    ``what`` is an attack as a spec writes it, ``{"PGD": {"eps": 0.3, "steps": 40}}``, or an ``Attack``. ``eps``
    and ``alpha`` are in units of data scaled to [0, 1]: times the bounds' width in the inputs' own. A random
    start is drawn on the CPU from ``seed``. A module is attacked in evaluation mode and left as it was.

    Raises ``RunError`` for an attack that cannot be read, inputs that do not fit, a network without gradients.
    """
    chosen = what if isinstance(what, Attack) else read_attack(what)
    return chosen.perturb(module, x, y, bounds, Generator().manual_seed(seed))


def read_attack(said: str | MappingABC[str, Any]) -> Attack:
    """The attack that plain data names, as a spec would. Raises ``RunError`` with every error of its fields."""
    report = Report()
    attack = Reader(report, {}).choice(attacks, _node(said))
    if attack is None or report.errors:
        problems = [f"{e.problem}. {e.hint}" if e.hint else e.problem for e in report.errors]
        raise RunError("; ".join(problems) or "an attack has a place that is not filled")
    return attack


def _node(value: Any) -> Node:
    """Plain data as the reader takes it."""
    place = Place("<attack>", 1, 1)
    if isinstance(value, np.generic | Tensor):
        value = value.tolist()
    if isinstance(value, MappingABC):
        return Mapping({k: _node(v) for k, v in value.items()}, dict.fromkeys(value, place), place)
    if isinstance(value, list | tuple):
        return Sequence(tuple(_node(item) for item in value), place)
    return Scalar(value, str(value), False, place)


class GradientReport(NamedTuple):
    """The gradients that an attack meets.

    ``zero`` is the share of examples whose gradient is 0 everywhere, ``broken`` the share whose gradient holds a number
    that is not finite; both are from 0 to 1. ``repeats`` says whether two passes agree.
    """

    zero: float
    broken: float
    repeats: bool


def gradient_report(logits: Logits, x: Tensor, y: Tensor) -> GradientReport:
    """What the cross-entropy's gradient with respect to each example is (``x`` N×…, ``y`` int64, N).

    Where ``zero`` or ``broken`` is not 0, an attack by gradients shows less than there is, and so it does where
    the network does not repeat itself. Evaluation mode, as ``attack``. Raises ``RunError`` as ``attack`` does.
    """
    with unchanged(logits):
        span = (float(x.min()), float(x.max())) if x.numel() else (0.0, 1.0)
        watched = Watched(logits, x, y, (span[0], max(span[1], span[0] + 1)))
        first, second = (slope(watched, watched.x, Aim(watched.y, False), cross_entropy) for _ in range(2))
    flat = first.gradient.flatten(1)
    return GradientReport(
        zero=_share((flat == 0).all(1)),
        broken=_share(~flat.isfinite().all(1)),
        # Some devices add in another order each time: equal to rounding is equal.
        repeats=_close(first.logits, second.logits) and _close(flat, second.gradient.flatten(1)),
    )


def _share(mask: Tensor) -> float:
    return float(mask.double().mean()) if len(mask) else 0.0


def _close(one: Tensor, other: Tensor) -> bool:
    size = float(one.abs().nan_to_num().max()) if one.numel() else 0.0
    return torch.allclose(one, other, rtol=1e-3, atol=1e-4 * size, equal_nan=True)


def at_unit_spread(logits: Logits) -> Logits:
    """The same network with each example's logits divided by their standard deviation over the classes.

    Its classes are the same; a last layer times 10⁶, which saturates the softmax and hides the gradient from
    FGSM and PGD, changes nothing here. The divisor has no gradient of its own: with one, the gradient would be 0
    where a network is most certain. A module is to be in evaluation mode already: this is a plain function.
    """

    def scaled(x: Tensor) -> Tensor:
        z = logits(x)
        spread = z.detach().std(1, correction=0, keepdim=True)
        return z / torch.where(spread > 0, spread, 1.0)

    return scaled

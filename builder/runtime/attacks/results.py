"""What an evaluation under attack found: accuracy at each distance, distances, pictures, and reasons for doubt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from torch import Tensor

from builder.robustness.attacks.attack import Attack


class Doubt(NamedTuple):
    """One reason why an evaluation may mislead: its name for programs, and a sentence."""

    name: str
    told: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The accuracy that is left under an attack, at each eps."""

    attack: Attack
    eps: tuple[float, ...]
    accuracy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """How far it is to where the network errs, by an attack that looks for the nearest such place.

    ``distances`` are of the examples that it fooled, in the attack's norm, the source's range being [0, 1];
    ``tried`` is how many it tried: those that are classified rightly.
    """

    attack: Attack
    tried: int
    distances: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of those that are tried are fooled within it; infinite if fewer than half are fooled."""
        unfooled = [math.inf] * (self.tried - len(self.distances))
        return median([*self.distances, *unfooled]) if self.tried else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Some examples that an attack fooled: n×C×H×W in [0, 1] on the CPU, and what the network says of them.

    ``said`` and ``sure`` hold for each the class and its probability, without and with the attack.
    """

    attack: str
    eps: float | None
    clean: Tensor
    attacked: Tensor
    labels: tuple[int, ...]
    said: tuple[tuple[int, int], ...]
    sure: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """What is left of a run's accuracy under attack.

    ``clean`` is its accuracy on the same ``examples`` without. An example that is wrong without an attack is not
    attacked, and counts as wrong. ``worst`` is what is left where each example meets every attack with a curve;
    None unless there are several, with the same distances in one norm. ``doubts`` say why the evaluation may mislead.
    """

    part: str
    examples: int
    clean: float
    curves: dict[str, Curve] = field(default_factory=dict)
    nearest: dict[str, Nearest] = field(default_factory=dict)
    worst: Curve | None = None
    doubts: tuple[Doubt, ...] = ()
    pictures: Pictures | None = None

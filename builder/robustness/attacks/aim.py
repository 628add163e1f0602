"""What an attack is given: the network's logits, the classes that it aims at, and the ball that it may search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Generator, Tensor

Norm = Literal["Linf", "L2"]
Logits = Callable[["Tensor"], "Tensor"]  # inputs N×… within the bounds to logits N×classes, differentiable


class Aim(NamedTuple):
    """What an attack is to reach.

    Logits of which ``y`` (int64, N) is no longer the largest, or, ``targeted``, is the largest. ``left`` is the
    class that a targeted attack starts from, where it needs to know.
    """

    y: Tensor
    targeted: bool
    left: Tensor | None = None

    def of(self, chosen: Tensor) -> Aim:
        """The aim of some examples: a mask or indices."""
        return Aim(self.y[chosen], self.targeted, None if self.left is None else self.left[chosen])


class Neighbourhood(Protocol):
    """The ball of ``eps`` around each input, within the bounds: what an attack uses of it.

    ``builder.runtime.attacks.perturbation.Ball`` is one.
    """

    @property
    def centre(self) -> Tensor:
        """The inputs as they were, N×…."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value of an input."""

    @property
    def span(self) -> float:
        """What one unit of data scaled to [0, 1] is here."""

    @property
    def diagonal(self) -> float:
        """The largest distance between two inputs within the bounds, in units of ``eps``."""

    @property
    def radius(self) -> float:
        """The largest distance from the centre, in the inputs' own units."""

    def of(self, chosen: Tensor) -> Neighbourhood:
        """The balls of some examples: a mask or indices."""

    def project_(self, at: Tensor) -> Tensor:
        """The nearest point of the ball, then of the bounds, in place."""

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of length 1 that climbs most, in the ball's norm."""

    def distance(self, lead: Tensor, gradient: Tensor) -> Tensor:
        """How far it is to where ``lead`` (N, negative) is 0, were it linear: N."""

    def start(self, generator: Generator) -> Tensor:
        """A uniformly random point of the ball."""

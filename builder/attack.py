"""What an attack is: a small change of an input that changes what a network says of it.

``eps`` and the bounds are in units of the source scaled to [0, 1]: an attack means the same for every network
on that data.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, final

from builder.component import Catalogue, Component

if TYPE_CHECKING:
    from torch import Generator, Tensor

Norm = Literal["Linf", "L2"]
Logits = Callable[["Tensor"], "Tensor"]  # inputs N×… within the bounds to logits N×classes, differentiable


class Aim(NamedTuple):
    """What an attack is to reach: logits of which ``y`` (int64, N) is no longer the largest, or, ``targeted``,
    is the largest."""

    y: Tensor
    targeted: bool


class Attack(Component):
    """An attack on a classifier. Its final call keeps bounds and distance, whatever the steps did.

    ``minimal`` says that the attack looks for the nearest adversarial example rather than the worst one within
    a distance: its ``eps`` may be absent, and then bounds nothing.
    """

    minimal: ClassVar[bool] = False

    @final
    def perturb(
        self, logits: Logits, x: Tensor, y: Tensor, bounds: tuple[float, float], generator: Generator
    ) -> Tensor:
        """The attacked inputs. ``x`` N×… lies within ``bounds``; ``y`` are the true classes, or the targets."""
        raise NotImplementedError  # replaced by the owner of attacks

    @abstractmethod
    def search(
        self, logits: Logits, x: Tensor, aim: Aim, bounds: tuple[float, float], generator: Generator
    ) -> Tensor:
        """Where the attack arrives: N×…; bounds and distance are kept by ``perturb``."""


attacks: Final[Catalogue[Attack]] = Catalogue("attack", "builder.attacks", Attack)

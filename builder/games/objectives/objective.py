"""What an adversarial objective is: both players' losses, and their gradients, in one place.

The training loop knows this idea alone. A loss reads logits, never probabilities: a discriminator has no
``Sigmoid`` at its end.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from builder.component import Catalogue, Component

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Component):
    """What generator and discriminator each minimise, given the discriminator's logits (N, or N×…).

    Every loss is a mean over all logits: one number. The gradients are worked out by hand, per logit, as a
    reader may check them on paper; training uses torch's own.
    """

    @abstractmethod
    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimises."""

    @abstractmethod
    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """What the generator minimises."""

    @abstractmethod
    def discriminator_gradient(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """∂(discriminator's loss)/∂(real logits) and /∂(fake logits), of their shapes."""

    @abstractmethod
    def generator_gradient(self, fake_logits: Tensor) -> Tensor:
        """∂(generator's loss)/∂(fake logits), of their shape."""


objectives: Final[Catalogue[Objective]] = Catalogue("objective", "builder.games.objectives", Objective)


def objective(name: str, **fields: object) -> Objective:
    """The objective of that name: ``objective("Hinge")``, ``objective("LeastSquares", real=1.0)``.

    Raises ``Cause`` for a name that is none, with the nearest one.
    """
    return objectives.get(name)(**fields)

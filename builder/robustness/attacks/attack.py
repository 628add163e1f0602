"""What an attack is: a small change of an input that changes what a network says of it.

``eps`` and ``alpha`` are in units of data scaled to [0, 1], whatever the bounds are: an attack means the same for
every network on that data.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self, final

from pydantic import model_validator

from builder.component import Catalogue, Component
from builder.errors import Cause
from builder.fields import Count, Flag, NonNegative, Positive
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood, Norm

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Attack(Component):
    """An attack on a classifier. Its final call keeps bounds and distance, whatever the steps did.

    ``eps`` is the largest distance in the norm ``norm``. ``targeted``: the classes given are those to reach, not
    those to leave. ``minimal`` says that the attack looks for the nearest adversarial example rather than the
    worst one within a distance: its ``eps`` may be absent, and then bounds nothing.
    """

    main: ClassVar[str | None] = "eps"
    minimal: ClassVar[bool] = False

    eps: NonNegative | None
    norm: Norm = "Linf"
    targeted: Flag = False

    @model_validator(mode="after")
    def _units(self) -> Self:
        for field in ("eps", "alpha") if self.norm == "Linf" else ():
            value = getattr(self, field, None)
            if value is not None and value > 1:
                raise Cause(
                    f"`{field}` is {value:g}, and the data's whole range is 1",
                    f"`{field}` is in units of data scaled to [0, 1]: {value:g} was meant as {value:g}/255?",
                    field=field,
                )
        return self

    @final
    def perturb(
        self, logits: Logits, x: Tensor, y: Tensor, bounds: tuple[float, float], generator: Generator
    ) -> Tensor:
        """The attacked inputs, of the shape, type and device of ``x``: within the bounds, within ``eps`` of ``x``.

        ``x`` N×… lies within ``bounds``; ``y`` int64, N, are the true classes, or the targets. ``generator`` lives
        on the CPU. A module is attacked in evaluation mode, and left as it was; any other callable as it is.
        An example for which the search arrives at no finite number comes back as it was. Raises ``RunError`` for
        inputs that are not of that form, and for a network that has no gradients or is no classifier.
        """
        from builder.runtime.attacks.perturbation import Ball, Watched, unchanged

        with unchanged(logits):
            watched = Watched(logits, x, y, bounds)
            ball = Ball(watched.x, self.norm, self.eps, watched.bounds)
            return ball.held(self.search(watched, ball, Aim(watched.y, self.targeted), generator))

    @abstractmethod
    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """Where the attack arrives from ``ball.centre``: N×…; ``perturb`` keeps bounds and distance."""


class Stepping(Attack):
    """An attack that goes ``steps`` steps of ``alpha``; an absent ``alpha`` follows from ``eps``."""

    reach: ClassVar[float]  # how far all steps together go by default, in eps

    eps: NonNegative
    alpha: Positive | None = None
    steps: Count

    def stride(self, ball: Neighbourhood) -> float:
        """The length of one step in units of ``ball``."""
        if self.alpha is None:
            return self.reach * min(self.eps, ball.diagonal) / self.steps * ball.span
        return min(self.alpha, ball.diagonal) * ball.span


attacks: Final[Catalogue[Attack]] = Catalogue("attack", "builder.robustness.attacks", Attack)

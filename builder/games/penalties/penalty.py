"""What a penalty is: what keeps a discriminator smooth, beside its objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from builder.component import Catalogue, Component

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Score = Callable[["Tensor"], "Tensor"]  # examples as they arrive at the discriminator (N×…) to logits (N×1)


class Penalty(Component):
    """A term added to the discriminator's loss, or a bound on its weights after each of its steps."""

    def term(
        self, score: Score, real: Tensor, fake: Tensor, generator: Generator, step: int = 0
    ) -> Tensor | None:
        """What is added to the discriminator's loss: one number, differentiable; None if nothing is.

        ``score`` is the discriminator with everything but the examples held fast; ``generator`` lives on the
        CPU and is the only source of chance; ``step`` counts the discriminator's steps from 0.
        """
        return None

    def after_step(self, discriminator: nn.Module) -> None:
        """Called after every step of the discriminator, without gradients."""


def slopes(score: Score, x: Tensor) -> Tensor:
    """∇ₓ score(x), N×…, of each example's own logit, and itself differentiable by the weights.

    Wherever examples do not mix (no BatchNorm), the gradient of the sum holds each one's.
    """
    import torch

    x = x.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(score(x).sum(), x, create_graph=True)
    return gradient


penalties: Final[Catalogue[Penalty]] = Catalogue("penalty", "builder.games.penalties", Penalty)

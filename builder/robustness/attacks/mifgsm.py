"""MIFGSM: the iterated sign method along an average of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Count, NonNegative
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Stepping

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class MIFGSM(Stepping):
    """The momentum iterative method: the steps follow gathered gradients, which other networks fall for too.

    gₖ₊₁ = decay·gₖ + ∇ₓ loss(xₖ)/mean|∇ₓ loss(xₖ)|, xₖ₊₁ = clip(Π(xₖ + alpha·sign(gₖ₊₁))); the paper divides by
    the 1-norm, which is the mean times a constant. In L2 the step is alpha·gₖ₊₁/‖gₖ₊₁‖₂. The default ``alpha`` is
    eps/steps. ``eps`` and ``alpha`` are in units of data scaled to [0, 1].
    Dong et al., "Boosting Adversarial Attacks with Momentum" (2018).
    """

    reach = 1.0
    accepts = (
        Accepted("8/255"),
        Accepted("{eps: 0.3, alpha: 0.02, steps: 20, decay: 0.9}"),
        Accepted("{eps: 2, norm: L2, targeted: true}"),
    )
    rejects = (
        Rejected("{decay: 1}", "`MIFGSM` needs `eps`"),
        Rejected("{eps: 0.1, decay: -1}", "expected a real number of at least 0, found -1"),
        Rejected("{eps: 0.1, momentum: 1}", "`MIFGSM` has no field `momentum`"),
    )

    steps: Count = 10
    decay: NonNegative = 1.0

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """``steps`` projected steps along the gradients' running sum, each gradient divided by its mean magnitude."""
        from builder.runtime.attacks.perturbation import ascend, at_mean_one

        gathered = ball.centre.new_zeros(ball.centre.shape)

        def heading(gradient: Tensor) -> Tensor:
            return gathered.mul_(self.decay).add_(at_mean_one(gradient))

        return ascend(logits, ball, ball.centre.clone(), aim, self.steps, self.stride(ball), heading)

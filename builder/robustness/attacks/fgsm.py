"""FGSM: x + eps·sign(∇ₓ loss), one step to the edge of the ball."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import NonNegative
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Attack

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class FGSM(Attack):
    """The fast gradient sign method: one step to the edge of the ball, where the loss's linear part is largest.

    x' = clip(x + eps·sign(∇ₓ loss)) with the cross-entropy; in L2, x + eps·∇ₓ loss/‖∇ₓ loss‖₂. Towards a target
    the step goes down. A pixel whose gradient is 0 does not move: a saturated softmax hides from this attack.
    ``eps`` is in units of data scaled to [0, 1].
    Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples" (2015).
    """

    accepts = (
        Accepted("{eps: 8/255}"),
        Accepted("0.1"),
        Accepted("{eps: 1.5, norm: L2, targeted: true}"),
    )
    rejects = (
        Rejected("", "`FGSM` needs `eps`"),
        Rejected("8", "`eps` is 8, and the data's whole range is 1"),
        Rejected("{eps: -0.1}", "expected a real number of at least 0, found the real number -0.1"),
        Rejected("{eps: 0.1, norm: L1}", 'expected `Linf` or `L2`, found the text "L1"'),
        Rejected("{epsilon: 0.1, eps: 0.1}", "`FGSM` has no field `epsilon`"),
    )

    eps: NonNegative

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """One step of the ball's radius, cut to the bounds."""
        from builder.runtime.attacks.perturbation import slope

        x = ball.centre
        step = ball.direction(slope(logits, x, aim).gradient)
        return x.add(step, alpha=ball.radius).clamp_(*ball.bounds)

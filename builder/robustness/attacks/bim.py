"""BIM: FGSM in small steps, each projected onto the ball."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Count
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Stepping

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class BIM(Stepping):
    """The basic iterative method: small steps of the gradient's sign from the input itself.

    x₀ = x, xₖ₊₁ = clip(Π(xₖ + alpha·sign(∇ₓ loss(xₖ)))), Π the projection onto the ball of ``eps``; in L2 the
    gradient at length 1 stands for its sign. The default ``alpha`` is 1.25·eps/steps, as the paper's counts
    of steps have it. ``eps`` and ``alpha`` are in units of data scaled to [0, 1].
    Kurakin, Goodfellow & Bengio, "Adversarial Examples in the Physical World" (2017).
    """

    reach = 1.25
    accepts = (
        Accepted("{eps: 8/255}"),
        Accepted("{eps: 0.3, alpha: 0.01, steps: 40}"),
        Accepted("{eps: 2, alpha: 0.2, norm: L2, targeted: true}"),
    )
    rejects = (
        Rejected("{steps: 10}", "`BIM` needs `eps`"),
        Rejected("{eps: 0.1, alpha: 0}", "expected a real number above 0, found 0"),
        Rejected("{eps: 0.1, steps: 0}", "expected a whole number of at least 1, found 0"),
        Rejected("{eps: 0.1, alpha: 2}", "`alpha` is 2, and the data's whole range is 1"),
    )

    steps: Count = 10

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """``steps`` projected steps from the input itself."""
        from builder.runtime.attacks.perturbation import ascend

        return ascend(logits, ball, ball.centre.clone(), aim, self.steps, self.stride(ball))

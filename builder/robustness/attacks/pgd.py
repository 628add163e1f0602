"""PGD: projected gradient ascent from a random point of the ball."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Stepping

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class PGD(Stepping):
    """Projected gradient descent: BIM from a uniformly random point of the ball, by default in more steps.

    xₖ₊₁ = clip(Π(xₖ + alpha·sign(∇ₓ loss(xₖ)))), Π the projection onto the ball of ``eps``; in L2 the gradient
    at length 1 stands for its sign. The default ``alpha`` is 2.5·eps/steps: the steps reach any point of the
    ball and leave room to turn. ``restarts`` begins again, from another point, for the examples that withstood;
    ``early_stop`` leaves an example where it first gives way (faster, not stronger). ``eps`` and ``alpha`` are in
    units of data scaled to [0, 1].
    Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018).
    """

    reach = 2.5
    accepts = (
        Accepted("0.3"),
        Accepted("{eps: 0.3, alpha: 0.01, steps: 40, random_start: false}"),
        Accepted("{eps: 2, norm: L2, targeted: true, restarts: 3, early_stop: true}"),
    )
    rejects = (
        Rejected("{steps: 10}", "`PGD` needs `eps`"),
        Rejected("{eps: 8, steps: 10}", "`eps` is 8, and the data's whole range is 1"),
        Rejected("{eps: 0.1, alpha: -1}", "expected a real number above 0, found -1"),
        Rejected("{eps: 0.1, step: 10}", "`PGD` has no field `step`"),
        Rejected(
            "{eps: 0.1, random_start: false, restarts: 3}",
            "`restarts` is 3, and without `random_start` there is one start",
        ),
        Rejected("{eps: null}", "expected a real number of at least 0, found nothing"),
    )

    steps: Count = 40
    random_start: Flag = True
    restarts: Count = 1
    early_stop: Flag = False

    @model_validator(mode="after")
    def _other_starts(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise Cause(
                f"`restarts` is {self.restarts}, and without `random_start` there is one start",
                field="restarts",
            )
        return self

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """``steps`` projected steps from each start, for the examples that withstood those before."""
        from builder.runtime.attacks.perturbation import ascend, ascend_until_reached, retried

        def once(start: Tensor, ball: Neighbourhood, aim: Aim) -> Tensor:
            follow = ascend_until_reached if self.early_stop else ascend
            return follow(logits, ball, start, aim, self.steps, self.stride(ball))

        start = ball.start(generator) if self.random_start else ball.centre.clone()
        return retried(logits, once(start, ball, aim), ball, aim, once, self.restarts - 1, generator)

"""DeepFool: to the nearest boundary of the linearised network, again and again until it is crossed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final, final

from builder.component import Accepted, Rejected
from builder.fields import Count, NonNegative
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood, Norm
from builder.robustness.attacks.attack import Attack

if TYPE_CHECKING:
    from torch import Generator, Tensor


LEAST: Final = (
    1e-4  # is added to each step's length, in data scaled to [0, 1]: near a boundary rounding would stop it
)


@final
class DeepFool(Attack):
    """The nearest adversarial example, were the network linear; repeated from there until it is one.

    With f_k = z_k − z_y and w_k = ∇ₓ f_k at xᵢ, the nearest boundary is that of the least |f_k|/‖w_k‖₂, and the
    step to it is |f_k|·w_k/‖w_k‖₂². In Linf, |f_k|/‖w_k‖₁ and |f_k|·sign(w_k)/‖w_k‖₁. xᵢ₊₁ is the input and
    1 + ``overshoot`` times all steps so far. Only the ``candidates`` classes of the largest logits are looked at.
    Towards a target, the boundary is that of the target with the largest other class. ``eps`` may be absent; given,
    it is the largest distance, in units of data scaled to [0, 1], and what lies beyond comes back to it.
    Moosavi-Dezfooli, Fawzi & Frossard, "DeepFool: a Simple and Accurate Method to Fool Deep Neural Networks" (2016).
    """

    main: ClassVar[str | None] = None
    minimal = True
    accepts = (
        Accepted("{}"),
        Accepted("{steps: 100, overshoot: 0.05, candidates: 3}"),
        Accepted("{norm: Linf, eps: 8/255, targeted: true}"),
    )
    rejects = (
        Rejected("{steps: 0}", "expected a whole number of at least 1, found 0"),
        Rejected("{overshoot: -0.1}", "expected a real number of at least 0, found the real number -0.1"),
        Rejected("{norm: Linf, eps: 8}", "`eps` is 8, and the data's whole range is 1"),
    )

    eps: NonNegative | None = None
    norm: Norm = "L2"
    steps: Count = 50
    overshoot: NonNegative = 0.02
    candidates: Count = 10

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """Steps to the nearest boundary of the linearised network; their sum is made 1 + ``overshoot`` as long."""
        import torch

        from builder.runtime.attacks.perturbation import reached

        found, total = ball.centre.clone(), torch.zeros_like(ball.centre)
        left = torch.arange(len(found), device=found.device)
        for _ in range(self.steps):
            at = found[left].requires_grad_()
            z = logits(at)
            on = ~reached(z, aim.of(left))
            if not on.any():
                break
            step = self._step(z, at, ball, aim.of(left))[on]
            left = left[on]
            total[left] += step
            found[left] = (ball.centre[left] + (1 + self.overshoot) * total[left]).clamp_(*ball.bounds)
        return found

    def _step(self, z: Tensor, at: Tensor, ball: Neighbourhood, aim: Aim) -> Tensor:
        """The shortest step to a boundary of the network as it is linearised at ``at``; 0 where there is none."""
        import torch

        from builder.runtime.attacks.perturbation import back, over

        nearest, step = torch.full_like(z[:, 0], torch.inf).detach(), torch.zeros_like(at)
        for lead in self._leads(z, aim):
            gradient = back(lead.sum(), at, keep=True)
            far = ball.distance(lead.detach(), gradient)
            nearer = far < nearest  # never for 0/0, the class itself, nor for a gradient of 0
            nearest = torch.where(nearer, far, nearest)
            step = torch.where(
                over(nearer, at), over(far + LEAST * ball.span, at) * ball.direction(gradient), step
            )
        return step

    def _leads(self, z: Tensor, aim: Aim) -> Iterator[Tensor]:
        """How far each example is past each boundary it may cross, in logits: N."""
        from builder.runtime.attacks.perturbation import lead, of_class

        if aim.targeted:
            yield lead(z, aim)
            return
        own = of_class(z, aim.y)
        for other in z.detach().topk(min(self.candidates, z.shape[1])).indices.unbind(1):
            yield of_class(z, other) - own

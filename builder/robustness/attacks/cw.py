"""CW: the smallest ‖x' − x‖² + c·max(z_y − max z_i, −kappa), searched over c."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, final

from builder.component import Accepted, Rejected
from builder.fields import Count, NonNegative, Positive
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Attack

if TYPE_CHECKING:
    from torch import Generator, Tensor


INSIDE: Final = 0.999  # of the way to the bounds: at them tanh is flat, and no step would leave them
BETAS: Final = (0.9, 0.999)  # Adam's
PROGRESS: Final = (
    0.9999  # a tenth of the steps makes a loss at least this much smaller, or the rest is not done
)


class _State(NamedTuple):
    """The examples still searched with one ``c``: places in the batch, w and Adam's averages, N first."""

    place: Tensor
    w: Tensor
    mean: Tensor
    square: Tensor

    def of(self, chosen: Tensor) -> _State:
        return _State(*(part[chosen] for part in self))


@final
class CW(Attack):
    """The nearest adversarial example in L2, by Adam in a space without bounds.

    Minimises ‖x' − x‖₂² + c·max(z_y − max_{i≠y} z_i, −``kappa``) over w, x' = (tanh w + 1)/2 in data scaled to [0, 1];
    towards a target t, c·max(max_{i≠t} z_i − z_t, −kappa). ``binary_search_steps`` values of c are tried per example:
    ten times as much while none succeeds, then halving what is left between success and failure. ``kappa`` is by
    how much the logits are to differ. An example without progress in a tenth of the ``steps`` is left before
    their end. What is not found comes back as it was. ``eps`` may be absent; given, it is the largest distance,
    and what lies beyond comes back to it.
    Carlini & Wagner, "Towards Evaluating the Robustness of Neural Networks" (2017).
    """

    main: ClassVar[str | None] = None
    minimal = True
    accepts = (
        Accepted("{}"),
        Accepted("{c: 1, kappa: 0.5, lr: 0.05, steps: 100, binary_search_steps: 3, targeted: true}"),
        Accepted("{eps: 2.5}"),
    )
    rejects = (
        Rejected("{c: 0}", "expected a real number above 0, found 0"),
        Rejected("{norm: Linf}", 'expected `L2`, found the text "Linf"'),
        Rejected("{binary_search_steps: 0}", "expected a whole number of at least 1, found 0"),
    )

    eps: NonNegative | None = None
    norm: Literal["L2"] = "L2"
    c: Positive = 1e-3
    kappa: NonNegative = 0.0
    lr: Positive = 0.01
    steps: Count = 1000
    binary_search_steps: Count = 9

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """A search by Adam for each value of c; the nearest example found counts."""
        import torch

        found = ball.centre.clone()
        exact = torch.promote_types(found.dtype, torch.float32)  # what Adam needs: 16 bits lose its averages
        nearest = torch.full(found.shape[:1], math.inf, dtype=exact, device=found.device)
        with torch.no_grad():
            nearest[self._met(logits(found), aim)] = 0  # these are there already
        c, low, high = torch.full_like(nearest, self.c), torch.zeros_like(nearest), nearest.clone()
        for _ in range(self.binary_search_steps):
            met = self._minimise(logits, ball, aim, c, found, nearest)
            high, low = torch.where(met, c, high), torch.where(met, low, c)
            c = torch.where(high.isinf(), 10 * c, (low + high) / 2)
        return found

    def _minimise(
        self, logits: Logits, ball: Neighbourhood, aim: Aim, c: Tensor, found: Tensor, nearest: Tensor
    ) -> Tensor:
        """Which examples met the aim with this ``c`` (N); what is nearer than before goes into ``found``."""
        import torch

        from builder.runtime.attacks.perturbation import back, lead

        low, high = ball.bounds
        x = (ball.centre.to(nearest.dtype) - low) / ball.span
        w = ((2 * x - 1) * INSIDE).atanh_()
        state = _State(torch.arange(len(w), device=w.device), w, torch.zeros_like(w), torch.zeros_like(w))
        met = torch.zeros_like(nearest, dtype=torch.bool)
        checked, tenth = torch.full_like(nearest, math.inf), math.ceil(self.steps / 10)
        for step in range(1, self.steps + 1):
            place, w, mean, square = state
            root = w.tanh()
            at = (root + 1) / 2
            inputs = (low + ball.span * at).to(found.dtype).clamp_(low, high).requires_grad_()
            z = logits(inputs)
            short = c[place] * (self.kappa - lead(z, aim.of(place))).clamp_min(0)
            pull = 2 * (at - x[place]) + ball.span * back(short.sum(), inputs)
            distance = (at - x[place]).square().flatten(1).sum(1)
            there = self._met(z.detach(), aim.of(place))
            met[place] |= there
            better = there & (distance < nearest[place])
            nearest[place[better]], found[place[better]] = distance[better], inputs.detach()[better]
            self._adam(w, mean, square, pull * (1 - root.square()) / 2, step)
            if (step - 1) % tenth == 0:
                loss = distance + short.detach()
                on = loss <= PROGRESS * checked[place]
                checked[place] = loss
                if not on.all():
                    state = state.of(on)
                if not len(state.place):
                    break
        return met

    def _met(self, z: Tensor, aim: Aim) -> Tensor:
        """Which logits are where the aim is, by ``kappa`` (N)."""
        from builder.runtime.attacks.perturbation import lead, reached

        return reached(z, aim) & (lead(z, aim) >= self.kappa)

    def _adam(self, w: Tensor, mean: Tensor, square: Tensor, gradient: Tensor, step: int) -> None:
        """One step of Adam, in place (Kingma & Ba, 2015)."""
        beta1, beta2 = BETAS
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (square / (1 - beta2**step)).sqrt_().add_(1e-8)
        w.addcdiv_(mean, root, value=-self.lr / (1 - beta1**step))

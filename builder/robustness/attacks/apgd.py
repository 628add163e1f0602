"""APGD: projected gradient ascent with momentum that chooses its own steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, final

from builder.component import Accepted, Rejected
from builder.errors import RunError
from builder.fields import Count, NonNegative, Probability
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Attack

if TYPE_CHECKING:
    from torch import Generator, Tensor


MOMENTUM: Final = 0.75  # of the new step; the rest is the last one's


class _State(NamedTuple):
    """The examples that withstand so far, N first: the point, the one before, the best, and what is known of them.

    ``climbs`` counts the steps since the last check at which the loss rose; ``halved`` says what that check did.
    """

    place: Tensor
    at: Tensor
    before: Tensor
    gradient: Tensor
    loss: Tensor
    best: Tensor
    best_gradient: Tensor
    best_loss: Tensor
    stride: Tensor
    climbs: Tensor
    halved: Tensor
    checked: Tensor

    def of(self, chosen: Tensor) -> _State:
        return _State(*(part[chosen] for part in self))


@final
class APGD(Attack):
    """Auto-PGD: PGD without a step size to choose, and the strongest of these attacks for its steps.

    z = Π(xₖ + ηₖ·sign(∇ₓ loss(xₖ))), xₖ₊₁ = Π(xₖ + 0.75·(z − xₖ) + 0.25·(xₖ − xₖ₋₁)), η₀ = 2·eps. At checkpoints
    (after 22 % of the steps, then ever closer) η is halved and the search goes on from its best point, where the
    loss rose in fewer than ``rho`` of the steps since, or where neither η nor the best loss changed.
    ``loss``: ``CE``, the cross-entropy, or ``DLR``, (max_{i≠y} z_i − z_y)/(z_π₁ − z_π₃) with π the order of
    the logits, which does not change with their scale; towards a target t,
    (z_t − z_y)/(z_π₁ − (z_π₃ + z_π₄)/2), y what the network says without attack. An example is left as soon as it
    gives way; ``restarts`` begins again for those that do not. ``eps`` is in units of data scaled to [0, 1].
    Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks"
    (2020).
    """

    accepts = (
        Accepted("8/255"),
        Accepted("{eps: 0.3, loss: DLR, steps: 50, restarts: 2}"),
        Accepted("{eps: 2, norm: L2, rho: 0.8, targeted: true}"),
    )
    rejects = (
        Rejected("{steps: 10}", "`APGD` needs `eps`"),
        Rejected("{eps: 0.1, loss: dlr}", 'expected `CE` or `DLR`, found the text "dlr"'),
        Rejected("{eps: 0.1, rho: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("{eps: 0.1, alpha: 0.01}", "`APGD` has no field `alpha`"),
    )

    eps: NonNegative
    loss: Literal["CE", "DLR"] = "CE"
    steps: Count = 100
    rho: Probability = 0.75
    restarts: Count = 1

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """A climb from each of ``restarts`` random starts, for the examples that withstood those before."""
        import torch

        from builder.runtime.attacks.perturbation import retried

        if self.targeted:
            with torch.no_grad():
                aim = aim._replace(left=logits(ball.centre).argmax(1))

        def once(start: Tensor, ball: Neighbourhood, aim: Aim) -> Tensor:
            return self._climb(logits, ball, start, aim)

        return retried(logits, ball.centre.clone(), ball, aim, once, self.restarts, generator)

    def _climb(self, logits: Logits, ball: Neighbourhood, start: Tensor, aim: Aim) -> Tensor:
        import torch

        from builder.runtime.attacks.perturbation import cross_entropy, reached, slope

        loss = cross_entropy if self.loss == "CE" else difference_of_logits_ratio
        found, checks = start.clone(), checkpoints(self.steps)
        gradient, value, z = slope(logits, start, aim, loss)
        zeros = torch.zeros_like(value)
        state = _State(
            place=torch.arange(len(start), device=start.device),
            at=start, before=start, gradient=gradient, loss=value,
            best=start, best_gradient=gradient, best_loss=value,
            stride=zeros + 2 * ball.radius, climbs=zeros, halved=zeros > 0, checked=value,
        )  # fmt: skip
        since = 0
        for step in range(self.steps + 1):
            there = reached(z, aim)
            if there.any():
                found[state.place[there]] = state.at[there]
                state, ball, aim = state.of(~there), ball.of(~there), aim.of(~there)
            if step == self.steps or not len(state.place):
                break
            at = _step(state, ball, MOMENTUM if step else 1.0)
            gradient, value, z = slope(logits, at, aim, loss)
            state = _seen(state, at, gradient, value)
            since += 1
            if step + 1 in checks:
                state, since = self._checked(state, since), 0
        found[state.place] = state.best
        return found

    def _checked(self, state: _State, since: int) -> _State:
        """Halves the step and goes back to the best point where the search does not progress."""
        from builder.runtime.attacks.perturbation import over

        stuck = state.climbs < self.rho * since
        stuck |= ~state.halved & (state.best_loss <= state.checked)
        wide = over(stuck, state.at)
        return state._replace(
            at=state.best.where(wide, state.at),
            before=state.best.where(wide, state.before),
            gradient=state.best_gradient.where(wide, state.gradient),
            loss=state.best_loss.where(stuck, state.loss),
            stride=(state.stride / 2).where(stuck, state.stride),
            climbs=state.climbs * 0,
            halved=stuck,
            checked=state.best_loss,
        )


def _step(state: _State, ball: Neighbourhood, share: float) -> Tensor:
    from builder.runtime.attacks.perturbation import over

    ahead = state.at + over(state.stride, state.at) * ball.direction(state.gradient)
    ahead = ball.project_(ahead).sub_(state.at).mul_(share)
    return ball.project_(ahead.add_(state.at - state.before, alpha=1 - share).add_(state.at))


def _seen(state: _State, at: Tensor, gradient: Tensor, loss: Tensor) -> _State:
    """The state after a step to ``at``, where the loss and its gradient are these."""
    from builder.runtime.attacks.perturbation import over

    better = loss > state.best_loss
    wide = over(better, at)
    return state._replace(
        at=at,
        before=state.at,
        gradient=gradient,
        loss=loss,
        best=at.where(wide, state.best),
        best_gradient=gradient.where(wide, state.best_gradient),
        best_loss=loss.where(better, state.best_loss),
        climbs=state.climbs + (loss > state.loss),
    )


def checkpoints(steps: int) -> frozenset[int]:
    """The steps after which progress is checked: ⌈p·steps⌉, p = 0.22, then p + max(p − its predecessor − 0.03, 0.06).

    >>> sorted(checkpoints(100))
    [22, 41, 57, 70, 80, 87, 93, 99]
    """
    found, before, share = set(), 0.0, 0.22
    while share <= 1:
        found.add(math.ceil(round(share * steps, 6)))
        before, share = share, share + max(share - before - 0.03, 0.06)
    return frozenset(found)


def difference_of_logits_ratio(logits: Tensor, aim: Aim) -> Tensor:
    """DLR of each example (N): the larger, the nearer to the aim; the scale and a shift of the logits cancel.

    Towards a target it says how far that is before ``aim.left``, or, where that is not known, before all others.
    Raises ``RunError`` for fewer than three classes, or four where ``targeted``.
    """
    from builder.runtime.attacks.perturbation import lead, of_class

    needed = 4 if aim.targeted else 3
    if logits.shape[1] < needed:
        raise RunError(
            f"`loss: DLR` compares {needed} classes, and the network has {logits.shape[1]}.",
            "Take `loss: CE`.",
        )
    top = logits.topk(needed).values
    below = (top[:, 2] + top[:, 3]) / 2 if aim.targeted else top[:, 2]
    ahead = lead(logits, aim)
    if aim.left is not None:
        ahead = of_class(logits, aim.y) - of_class(logits, aim.left)
    return ahead / (top[:, 0] - below).clamp_min(1e-12)

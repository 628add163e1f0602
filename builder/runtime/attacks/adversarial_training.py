"""Adversarial training's own part of the loop: batches attacked before the step is taken on them.

Source: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

import torch
from torch import Tensor

from builder.data.transforms.transform import Range
from builder.robustness.attacks.aim import Logits
from builder.robustness.attacks.attack import Attack
from builder.runtime.attacks.in_source_units import Sourced
from builder.runtime.attacks.perturbation import unchanged
from builder.runtime.data.splits import Batch, Part, Splits, mixed
from builder.runtime.network.module import Network
from builder.training.adversarial_training import AdversarialTraining

AT_ONCE: Final = 256  # examples of a part that are attacked together


class Adversary:
    """Attacks what a network is trained on, and what it is validated on.

    The network is attacked as it is at that moment, in ``eval`` mode, and left in the mode that it had. Draws
    follow from the seed and the epoch alone: a run that is resumed needs no more.
    """

    def __init__(
        self,
        rule: AdversarialTraining,
        network: Network,
        splits: Splits,
        bounds: Range,
        precision: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._rule: Final = rule
        self._splits: Final = splits
        self._sourced: Final = Sourced(network, splits.preprocessing, bounds, precision)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The training batches of an epoch (from 0) as they arrive at the network, attacked in part.

        Which examples of a batch stay clean is drawn; those are as ``Splits.batches`` gives them, to the bit.
        """
        draws, steps = self._draws(epoch), self._splits.steps_per_epoch
        for index, batch in enumerate(self._splits.batches(epoch), 1):
            count = len(batch.x)
            chosen = torch.randperm(count, generator=draws)[round(self._rule.clean_share * count) :]
            share = self._rule.share_of_eps(epoch + index / steps)
            yield self._attacked(batch, chosen.to(batch.x.device), share, draws)

    def accuracy(self, part: Part, epoch: int) -> float:
        """The share of a part that is classified rightly, without the attack and under it at its whole eps."""
        draws, standing = self._draws(epoch), 0
        with unchanged(self._sourced):
            for batch in part.batches(AT_ONCE):
                x, y = self._sourced.in_source_units(batch.x), batch.y
                right = predicted(self._sourced, x) == y
                attacked = self._perturbed(self._rule.attack, x[right], y[right], draws)
                standing += int((predicted(self._sourced, attacked) == y[right]).sum())
        return standing / len(part)

    def _attacked(self, batch: Batch, chosen: Tensor, share: float, draws: torch.Generator) -> Batch:
        assert self._rule.attack.eps is not None, "an attack that trains has a distance"
        attack = with_eps(self._rule.attack, share * self._rule.attack.eps)
        clean = self._sourced.in_source_units(batch.x[chosen])
        attacked = self._perturbed(attack, clean, batch.y[chosen], draws)
        x = batch.x.clone()
        x[chosen] = self._sourced.arriving(attacked)
        return batch._replace(x=x)

    def _perturbed(self, attack: Attack, x: Tensor, y: Tensor, draws: torch.Generator) -> Tensor:
        return attack.perturb(self._sourced, x, y, self._sourced.bounds, draws) if len(x) else x

    def _draws(self, epoch: int) -> torch.Generator:
        """A stream of its own: that of the batches' order has the seed itself."""
        return torch.Generator().manual_seed(mixed(self._splits.seed + 1, epoch))


def predicted(logits: Logits, x: Tensor) -> Tensor:
    """The class of each example N×…: int64, N."""
    with torch.no_grad():
        return logits(x).argmax(1)


def with_eps(attack: Attack, eps: float) -> Attack:
    """The same attack going as far as ``eps``; a step's length that was written is scaled along."""
    changed: dict[str, float] = {"eps": eps}
    alpha: float | None = getattr(attack, "alpha", None)
    if alpha is not None and attack.eps:
        changed["alpha"] = alpha * eps / attack.eps
    return attack.model_copy(update=changed)

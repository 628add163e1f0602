"""What was played in an epoch: losses and logits, left on the device until somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Player = Literal["generator", "discriminator"]


class Spoilt(NamedTuple):
    """The first loss that is no number: whose, at which batch of the epoch (from 1), and what it is."""

    player: Player
    batch: int
    loss: float


@dataclass(slots=True)
class Played:
    """An epoch so far. Everything is detached; asking for a figure waits for the device.

    ``generator_at`` are the batches (from 1) after which the generator stepped.
    """

    discriminator_losses: list[Tensor] = field(default_factory=list)
    generator_losses: list[Tensor] = field(default_factory=list)
    generator_at: list[int] = field(default_factory=list)
    real_logits: list[Tensor] = field(default_factory=list)
    fake_logits: list[Tensor] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """Both players' mean losses, and the mean of σ(logit) on real and on made examples.

        The losses are the objective's, without a penalty. None of what did not happen.
        """
        return {
            "generator_loss": _mean(self.generator_losses),
            "discriminator_loss": _mean(self.discriminator_losses),
            "real_score": _score(self.real_logits),
            "fake_score": _score(self.fake_logits),
        }

    def spoilt(self) -> Spoilt | None:
        """The first loss that is not finite."""
        losses = [
            Spoilt("discriminator", number, loss)
            for number, loss in enumerate(_values(self.discriminator_losses), 1)
            if not abs(loss) < float("inf")
        ] + [
            Spoilt("generator", number, loss)
            for number, loss in zip(self.generator_at, _values(self.generator_losses), strict=True)
            if not abs(loss) < float("inf")
        ]
        return min(
            losses, key=lambda loss: (loss.batch, loss.player), default=None
        )  # the discriminator's first


def _values(losses: list[Tensor]) -> list[float]:
    return torch.stack(losses).tolist() if losses else []


def _mean(losses: list[Tensor]) -> float | None:
    return float(torch.stack(losses).double().mean()) if losses else None


def _score(logits: list[Tensor]) -> float | None:
    return (
        float(torch.cat([scores.flatten() for scores in logits]).sigmoid().double().mean())
        if logits
        else None
    )

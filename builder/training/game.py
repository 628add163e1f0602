"""The section ``train`` of a spec with ``adversarial``: for how long two players play, and how it is watched."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, final

from builder.component import Accepted, Choices, Component, Rejected
from builder.fields import Count, Natural, Positive
from builder.measure import Measure, measures


@final
class Game(Component):
    """How two players are trained. Each has its own optimiser, in ``adversarial``.

    An epoch is one pass of the discriminator over the training part. Every ``measure_every`` epochs, and after
    the last, ``metrics`` look at ``samples`` samples of the generator; ``grid`` samples from noise that stays
    the same are drawn after each epoch.
    """

    section_key: ClassVar[str | None] = "train"
    later: ClassVar[frozenset[str]] = frozenset({"precision", "scheduler", "early_stopping"})
    accepts = (
        Accepted("{epochs: 10}"),
        Accepted("{epochs: 3, clip_grad_norm: 1.0, device: cpu, seed: 1, threads: 2, grid: 16}"),
    )
    rejects = (Rejected("{epochs: 0}", "expected a whole number of at least 1, found 0"),)
    refused: ClassVar[dict[str, str]] = {
        "loss": "Each player's loss follows from `adversarial: {objective: …}`.",
        "optimizer": "Each player has its own, in `adversarial: {optimizer: {generator: …, discriminator: …}}`.",
    }

    epochs: Count
    metrics: Annotated[tuple[Measure, ...], Choices(measures)] = ()
    measure_every: Count = 1
    samples: Count = 1000
    grid: Count = 64
    clip_grad_norm: Positive | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: Natural = 0
    threads: Count | None = None

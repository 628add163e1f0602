"""The section ``train`` of a spec with ``adversarial``: for how long two players play, and how it is watched."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Choices, Component, Rejected
from builder.errors import Cause
from builder.fields import Count, Natural, Positive
from builder.games.measures.measure import Measure, measures

MOST_SAMPLES: Final = 1_000_000  # measured at once
MOST_DRAWN: Final = 10_000  # in one picture, after every epoch


@final
class Game(Component):
    """How two players are trained. Each has its own optimiser, in ``adversarial``.

    An epoch is one pass of the discriminator over the training part. Every ``measure_every`` epochs, and after
    the last, ``metrics`` look at ``samples`` samples of the generator; ``grid`` samples from noise that stays
    the same are drawn after each epoch.
    """

    section_key = "train"
    accepts = (
        Accepted("{epochs: 10}"),
        Accepted("{epochs: 3, clip_grad_norm: 1.0, device: cpu, seed: 1, threads: 2, grid: 16}"),
    )
    rejects = (
        Rejected("{epochs: 0}", "expected a whole number of at least 1, found 0"),
        Rejected("{epochs: 1, grid: 100000}", "`grid` is at most 10000, found 100000"),
        Rejected("{epochs: 1, samples: 10000000}", "`samples` is at most 1000000, found 10000000"),
        Rejected("{epochs: 1, metrics: [modes, modes]}", "the measure `modes` stands here twice"),
    )
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

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        names = [type(measure).__name__ for measure in self.metrics]
        for index, name in enumerate(names):
            if name in names[:index]:  # its figures would have the same names
                raise Cause(f"the measure `{name}` stands here twice", field=f"metrics.{index}")
        for field, most in (("samples", MOST_SAMPLES), ("grid", MOST_DRAWN)):
            if getattr(self, field) > most:
                raise Cause(f"`{field}` is at most {most}, found {getattr(self, field)}", field=field)
        return self

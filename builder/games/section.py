"""The section ``adversarial``: who plays against whom, from what noise, for what, and by which rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, final

from pydantic import BeforeValidator

from builder.component import Accepted, Choice, Component, Rejected
from builder.errors import Cause
from builder.fields import BelowOne, Count, Positive, Sizes, Text
from builder.games.objectives.objective import Objective, objectives
from builder.games.penalties.penalty import Penalty, penalties
from builder.training.optimizers.optimizer import Optimizer, optimizers


def _no_distribution(size: Any) -> Any:
    """Raises ``Cause`` where a distribution stands for the size, as in `noise: uniform`."""
    if size in ("normal", "uniform"):
        raise Cause(
            f'expected a size, found the distribution "{size}"',
            f"Write `noise: {{distribution: {size}}}`.",
            field="size",
        )
    return size


@final
class Noise(Component):
    """What the generator makes its samples from: normal N(0, 1), or uniform on [−1, 1].

    ``size`` absent: the shape of the generator's input; a number n also stands for n×1×1.
    """

    section_key = "noise"
    main = "size"
    accepts = (Accepted("64"), Accepted("{distribution: uniform, size: [100, 1, 1]}"))
    rejects = (
        Rejected("{distribution: gauss}", 'expected `normal` or `uniform`, found the text "gauss"'),
        Rejected("{sise: 64}", "`noise` has no field `sise`"),
    )

    distribution: Literal["normal", "uniform"] = "normal"
    size: Annotated[Count | Sizes | None, BeforeValidator(_no_distribution)] = None


@final
class Conditional(Component):
    """How both players are told the class.

    ``concatenate``: its one-hot vector beside the noise, and as planes (a vector's features) beside the
    example. ``embed``: a learned vector of ``size`` beside the noise, a learned plane (vector) beside the
    example. ``project``: the generator as with ``embed``; the discriminator's logit gains the inner product of
    the class's learned vector and what arrives at its last layer. ``classes`` absent: as many as the data has.
    Source: Mirza & Osindero, "Conditional Generative Adversarial Nets" (2014); Miyato & Koyama, "cGANs with
    Projection Discriminator" (2018).
    """

    section_key = "conditional"
    main = "label"
    accepts = (Accepted("embed"), Accepted("{label: project, size: 16, classes: 10}"))
    rejects = (
        Rejected("{label: add}", 'expected `concatenate`, `embed` or `project`, found the text "add"'),
    )

    label: Literal["concatenate", "embed", "project"]
    size: Count = 16
    classes: Count | None = None


@final
class PlayersOptimizers(Component):
    """One optimiser for each player."""

    section_key = "optimizer"
    accepts = (Accepted("{generator: {Adam: {lr: 2e-4}}, discriminator: {Adam: {lr: 2e-4}}}"),)
    rejects = (Rejected("{generator: Adam}", "`optimizer` needs `discriminator`"),)

    generator: Annotated[Optimizer, Choice(optimizers)]
    discriminator: Annotated[Optimizer, Choice(optimizers)]


@final
class InstanceNoise(Component):
    """Normal noise on whatever the discriminator sees, fading linearly to nothing over ``epochs``.

    Source: Sønderby et al., "Amortised MAP Inference for Image Super-resolution" (2017).
    """

    section_key = "instance_noise"
    accepts = (Accepted("{std: 0.1, epochs: 5}"),)
    rejects = (Rejected("{std: 0, epochs: 5}", "expected a real number above 0, found 0"),)

    std: Positive
    epochs: Count


@final
class Adversarial(Component):
    """Two players of ``networks`` against each other: a generator and a discriminator.

    ``generator`` and ``discriminator`` are names of ``networks``. The discriminator takes
    ``discriminator_steps`` steps for one of the generator. ``ema`` keeps a moving average of the generator's
    weights (w̄ ← ema·w̄ + (1 − ema)·w), which is what is saved and sampled from.
    Source: Goodfellow et al., "Generative Adversarial Nets" (2014).
    """

    section_key = "adversarial"
    refused: ClassVar[Mapping[str, str]] = {
        "norm": "It stands beside a layer of the discriminator: `{Conv2d: …, norm: spectral}`."
    }
    accepts = (
        Accepted("{objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}}"),
        Accepted(
            "{generator: g, discriminator: d, noise: 64, objective: {Wasserstein: {}}, "
            "penalty: {GradientPenalty: {weight: 10}}, discriminator_steps: 5, conditional: {label: embed}, "
            "ema: 0.999, optimizer: {generator: {Adam: {lr: 2e-4, betas: [0.5, 0.999]}}, discriminator: Adam}}"
        ),
    )
    rejects = (
        Rejected("{optimizer: {generator: Adam, discriminator: Adam}}", "`adversarial` needs `objective`"),
    )

    generator: Text = "generator"
    discriminator: Text = "discriminator"
    noise: Noise = Noise()
    objective: Annotated[Objective, Choice(objectives)]
    penalty: Annotated[Penalty | None, Choice(penalties)] = None
    discriminator_steps: Count = 1
    conditional: Conditional | None = None
    optimizer: PlayersOptimizers
    ema: BelowOne | None = None
    instance_noise: InstanceNoise | None = None

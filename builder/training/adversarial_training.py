"""Adversarial training: min over weights of E max over ‖δ‖ ≤ eps of loss(f(x + δ), y).

Source: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018).
"""

from __future__ import annotations

from typing import Annotated, Self, final

from pydantic import model_validator

from builder.component import Accepted, Choice, Component, Rejected
from builder.errors import Cause
from builder.fields import BelowOne, Flag, Natural
from builder.robustness.attacks.attack import Attack, attacks


@final
class AdversarialTraining(Component):
    """Trains on attacked examples: the attack stands under its own name, beside what else is said.

    Every batch is attacked anew, against the network as it is then, in ``eval`` mode (no dropout, BatchNorm's
    running statistics); the step on it is taken in training mode. ``clean_share`` of each batch stays as it
    is. Over ``ramp_epochs``, ``eps`` (and ``alpha`` with it) grows linearly from nothing, batch by batch: a
    network that meets the whole eps at once may learn nothing, or only to hide from this attack.
    ``measure`` adds ``validation_robust_accuracy`` to each epoch's figures: that of the validation part under
    the same attack at the whole eps, where an example that is wrong without attack counts as wrong.
    Units of ``eps``: the source's declared range scaled to [0, 1].
    """

    section_key = "adversarial_training"
    main = "attack"
    chooses = "attack"
    accepts = (
        Accepted("{PGD: {eps: 0.1, steps: 7}, clean_share: 0.5, ramp_epochs: 3}"),
        Accepted("{FGSM: {eps: 0.1}, measure: false}"),
    )
    rejects = (
        Rejected("{clean_share: 0.5}", "`adversarial_training` needs one attack"),
        Rejected(
            "{PGD: {eps: 0.1}, FGSM: {eps: 0.1}}",
            "`adversarial_training` takes one attack, and `PGD` and `FGSM` stand here",
        ),
        Rejected("{PDG: {eps: 0.1}}", "there is no attack `PDG`"),
        Rejected("{PGD: {eps: 0.1}, clean_shar: 0.5}", "`adversarial_training` has no field `clean_shar`"),
        Rejected(
            "DeepFool", "`DeepFool` looks for the nearest adversarial example, not for the worst within eps"
        ),
        Rejected(
            "{FGSM: {eps: 0.1, targeted: true}}", "a targeted attack does not look for the worst example"
        ),
        Rejected(
            "{FGSM: {eps: 0.1}, clean_share: 1}", "expected a real number of at least 0 and below 1, found 1"
        ),
    )

    attack: Annotated[Attack, Choice(attacks)]
    clean_share: BelowOne = 0.5
    ramp_epochs: Natural = 0
    measure: Flag = True

    @model_validator(mode="after")
    def _looks_for_the_worst(self) -> Self:
        name = type(self.attack).__name__
        if self.attack.minimal:
            raise Cause(
                f"`{name}` looks for the nearest adversarial example, not for the worst within eps",
                "Train with `FGSM` or `PGD`.",
                field="attack",
            )
        if self.attack.targeted:
            raise Cause(
                "a targeted attack does not look for the worst example",
                "Leave `targeted` out.",
                field="attack",
            )
        return self

    def share_of_eps(self, epochs: float) -> float:
        """What part of eps is reached after so many epochs, fractions counted.

        >>> from builder.robustness.attacks.pgd import PGD
        >>> rule = AdversarialTraining(attack=PGD(eps=0.1), ramp_epochs=4)
        >>> rule.share_of_eps(1), rule.share_of_eps(2.5), rule.share_of_eps(9)
        (0.25, 0.625, 1.0)
        """
        return min(1.0, epochs / self.ramp_epochs) if self.ramp_epochs else 1.0

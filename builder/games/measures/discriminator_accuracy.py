"""discriminator_accuracy: how often a discriminator tells examples from samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, final

from builder.component import Accepted, Rejected
from builder.data.info import DataInfo
from builder.data.section import Data
from builder.games.measures.measure import Measure, Sampled


@final
class discriminator_accuracy(Measure):
    """The share of held-out examples with a logit above 0 and that of samples with none, averaged.

    Near a half the discriminator cannot tell them apart; it may be weak, so this is no measure of quality
    alone. Far above a half on examples that it was trained on and not on these, it has learnt them by heart.
    A `Wasserstein` critic has no zero to stand on: its figure says little.
    Source: Goodfellow et al., "Generative Adversarial Nets" (2014).
    """

    figures = ("discriminator_accuracy",)
    better: ClassVar[Mapping[str, Literal["higher", "lower"]]] = {}
    accepts = (Accepted(""),)
    rejects = (Rejected("0", "`discriminator_accuracy` takes no fields, found 0"),)

    def check(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Of all data there is a figure."""

    def of(self, sampled: Sampled) -> dict[str, float]:
        """The mean of the shares told right among real examples and among samples; a logit of 0 says fake."""
        real, fake = sampled.real_logits.double(), sampled.fake_logits.double()
        right = (real > 0).double().mean() + (fake <= 0).double().mean()
        return {"discriminator_accuracy": float(right) / 2}

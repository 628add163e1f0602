"""A margin: the discriminator learns only from examples that are not yet a step beyond the border.

D: E max(0, 1 − r) + E max(0, 1 + f); G: −E f. Lim & Ye, "Geometric GAN" (2017); Miyato et al., "Spectral
Normalization for Generative Adversarial Networks" (2018), equations 16 and 17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted
from builder.games.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor


@final
class Hinge(Objective):
    """The discriminator minimises max(0, 1 − r) + max(0, 1 + f), the generator −f.

    r and f are the logits of real and made examples. Made for a discriminator with ``norm: spectral``.
    Source: Lim & Ye, "Geometric GAN" (2017); Miyato et al., "Spectral Normalization for Generative Adversarial
    Networks" (2018).
    """

    accepts = (Accepted(""),)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """mean(max(0, 1 − real)) + mean(max(0, 1 + fake))."""
        return (1 - real_logits).relu().mean() + (1 + fake_logits).relu().mean()

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """−mean(fake)."""
        return -fake_logits.mean()

    def discriminator_gradient(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """−1/n where r < 1 and 1/m where f > −1; nothing beyond, nor at the corner itself."""
        real, fake = -(real_logits < 1).to(real_logits), (fake_logits > -1).to(fake_logits)
        return real / real_logits.numel(), fake / fake_logits.numel()

    def generator_gradient(self, fake_logits: Tensor) -> Tensor:
        """−1/m, wherever f lies."""
        return -fake_logits.new_ones(fake_logits.shape) / fake_logits.numel()

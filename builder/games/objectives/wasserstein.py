"""The earth mover's distance: how far the made examples must be carried to become the real ones.

D: E f − E r, whose minimum over all D of slope at most 1 is −W₁; G: −E f. Arjovsky et al., "Wasserstein GAN"
(2017), equation 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted
from builder.games.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor


@final
class Wasserstein(Objective):
    """The discriminator minimises f − r, the generator −f.

    r and f are the discriminator's values (the paper's critic) of real and made examples. Nothing bounds them:
    the discriminator needs a bound on its slope, ``GradientPenalty``, ``WeightClip`` or ``norm: spectral``,
    and more steps than the generator (``discriminator_steps: 5``). With it, −(discriminator's loss) falls as
    samples become better.
    Source: Arjovsky et al., "Wasserstein GAN" (2017).
    """

    accepts = (Accepted(""),)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """mean(fake) − mean(real)."""
        return fake_logits.mean() - real_logits.mean()

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """−mean(fake)."""
        return -fake_logits.mean()

    def discriminator_gradient(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """−1/n and 1/m, wherever r and f lie."""
        real, fake = real_logits.new_ones(real_logits.shape), fake_logits.new_ones(fake_logits.shape)
        return -real / real_logits.numel(), fake / fake_logits.numel()

    def generator_gradient(self, fake_logits: Tensor) -> Tensor:
        """−1/m, wherever f lies."""
        return -fake_logits.new_ones(fake_logits.shape) / fake_logits.numel()

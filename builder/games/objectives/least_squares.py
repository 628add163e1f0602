"""Squares instead of logarithms: examples on the right side of the border, but far off, are still pulled.

D: ½E(r − real)² + ½E(f − fake)²; G: ½E(f − generator)². Mao et al., "Least Squares Generative Adversarial
Networks" (2017), equation 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Real
from builder.games.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor


@final
class LeastSquares(Objective):
    """The discriminator minimises ½(r − real)² + ½(f − fake)², the generator ½(f − generator)².

    r and f are what the discriminator says of real and made examples, without a ``Sigmoid``. The targets are
    the paper's b, a and c: 1, 0 and 1, or 1, −1 and 0, with which the generator minimises Pearson's
    χ² divergence.
    Source: Mao et al., "Least Squares Generative Adversarial Networks" (2017), equations 2, 8 and 9.
    """

    accepts = (Accepted(""), Accepted("{real: 1, fake: -1, generator: 0}"))
    rejects = (Rejected("{real: yes}", 'expected a real number, found the text "yes"'),)

    real: Real = 1.0
    fake: Real = 0.0
    generator: Real = 1.0

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """½·mean((real − ``real``)²) + ½·mean((fake − ``fake``)²)."""
        real, fake = (real_logits - self.real).square().mean(), (fake_logits - self.fake).square().mean()
        return 0.5 * (real + fake)

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """½·mean((fake − ``generator``)²)."""
        return 0.5 * (fake_logits - self.generator).square().mean()

    def discriminator_gradient(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """(r − real)/n and (f − fake)/m: the further from its target, the stronger."""
        real, fake = real_logits - self.real, fake_logits - self.fake
        return real / real_logits.numel(), fake / fake_logits.numel()

    def generator_gradient(self, fake_logits: Tensor) -> Tensor:
        """(f − generator)/m."""
        return (fake_logits - self.generator) / fake_logits.numel()

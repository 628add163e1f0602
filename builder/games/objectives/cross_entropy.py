"""The discriminator's half of a game of two classes: cross-entropy, real examples being asked for 1 − s.

Goodfellow et al., "Generative Adversarial Nets" (2014), equation 1; Salimans et al., "Improved Techniques for
Training GANs" (2016), 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.fields import BelowOne
from builder.games.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor


class CrossEntropyObjective(Objective):
    """The discriminator minimises −log σ(r) − log(1 − σ(f)); what the generator does is the subclass's.

    ``label_smoothing`` s asks for 1 − s on real examples alone; made ones keep 0.
    """

    label_smoothing: BelowOne = 0.0

    @final
    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """mean(−(1 − s)·log σ(real) − s·log σ(−real)) + mean(−log σ(−fake)), s the ``label_smoothing``."""
        from torch.nn.functional import softplus

        # −(1 − s)·log σ(r) − s·log σ(−r), where −log σ(r) = softplus(−r) and softplus(r) = softplus(−r) + r.
        real = softplus(-real_logits)
        if self.label_smoothing:
            real = real + self.label_smoothing * real_logits
        return real.mean() + softplus(fake_logits).mean()

    @final
    def discriminator_gradient(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """(σ(r) − (1 − s))/n and σ(f)/m: what is said, less what was asked for."""
        real = real_logits.sigmoid() - (1 - self.label_smoothing)
        return real / real_logits.numel(), fake_logits.sigmoid() / fake_logits.numel()

"""Weights in a box: what first bounded the slope of a discriminator, and the simplest that does.

w ← min(max(w, −limit), limit) after every step. Arjovsky et al., "Wasserstein GAN" (2017), algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Positive
from builder.games.penalties.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor, nn


@final
class WeightClip(Penalty):
    """Every parameter of the discriminator is clipped to [−limit, limit] after each of its steps.

    Biases too, and the weights of normalisation, as in the authors' code. What is frozen stays as it is, and
    so does what is no parameter: running means and variances. The authors call it "a clearly terrible way":
    ``GradientPenalty`` does the same better.
    Source: Arjovsky et al., "Wasserstein GAN" (2017).
    """

    main = "limit"
    accepts = (Accepted(""), Accepted("0.01"), Accepted("{limit: 0.1}"))
    rejects = (Rejected("0", "expected a real number above 0, found 0"),)

    limit: Positive = 0.01

    def after_step(self, discriminator: nn.Module) -> None:
        """Cuts every trained weight to [−``limit``, ``limit``]."""
        import torch

        weights: list[Tensor] = [weight for weight in discriminator.parameters() if weight.requires_grad]
        if weights:
            with torch.no_grad():
                torch._foreach_clamp_max_(weights, self.limit)
                torch._foreach_clamp_min_(weights, -self.limit)

"""The game as it is mostly played: the generator raises log D(G(z)) instead of lowering log(1 − D(G(z))).

Both have the same fixed point; this one's gradient is strong where the generator loses. Goodfellow et al.,
"Generative Adversarial Nets" (2014), section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.games.objectives.cross_entropy import CrossEntropyObjective

if TYPE_CHECKING:
    from torch import Tensor


@final
class NonSaturating(CrossEntropyObjective):
    """The discriminator minimises −log σ(r) − log(1 − σ(f)), the generator −log σ(f).

    r and f are the logits of real and made examples. ``label_smoothing`` s asks for 1 − s on real examples
    alone; made ones keep 0, or the discriminator would pull real ones to where the generator stands.
    Source: Goodfellow et al., "Generative Adversarial Nets" (2014); Salimans et al., "Improved Techniques for
    Training GANs" (2016), 3.4.
    """

    accepts = (Accepted(""), Accepted("{label_smoothing: 0.1}"))
    rejects = (
        Rejected(
            "{label_smoothing: -0.1}",
            "expected a real number of at least 0 and below 1, found the real number -0.1",
        ),
    )

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """mean(−log σ(fake))."""
        from torch.nn.functional import softplus

        return softplus(-fake_logits).mean()

    def generator_gradient(self, fake_logits: Tensor) -> Tensor:
        """−σ(−f)/m: almost −1/m where the discriminator is sure that an example was made."""
        return -(-fake_logits).sigmoid() / fake_logits.numel()

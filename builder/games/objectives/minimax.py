"""The game as it was first written: one value that the discriminator raises and the generator lowers.

V(D, G) = E log D(x) + E log(1 − D(G(z))), with D = σ(logit). Goodfellow et al., "Generative Adversarial
Nets" (2014), equation 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.games.objectives.cross_entropy import CrossEntropyObjective

if TYPE_CHECKING:
    from torch import Tensor


@final
class Minimax(CrossEntropyObjective):
    """The discriminator minimises −log σ(r) − log(1 − σ(f)), the generator log(1 − σ(f)).

    r and f are the logits of real and made examples. Where the discriminator is sure (f far below 0) the
    generator's gradient σ(f) is almost nothing: it saturates, and ``NonSaturating`` is what is mostly trained.
    ``label_smoothing`` s asks for 1 − s on real examples alone; made ones keep 0.
    Source: Goodfellow et al., "Generative Adversarial Nets" (2014); Salimans et al., "Improved Techniques for
    Training GANs" (2016), 3.4.
    """

    accepts = (Accepted(""), Accepted("{label_smoothing: 0.1}"))
    rejects = (
        Rejected(
            "{label_smoothing: 1}",
            "expected a real number of at least 0 and below 1, found 1",
        ),
    )

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """mean(log σ(−fake)), which saturates where the discriminator is sure."""
        from torch.nn.functional import softplus

        return -softplus(fake_logits).mean()

    def generator_gradient(self, fake_logits: Tensor) -> Tensor:
        """−σ(f)/m: nothing where the discriminator is sure that an example was made."""
        return -fake_logits.sigmoid() / fake_logits.numel()

"""A flat discriminator where the data lies: then the game comes to rest at the data.

(γ/2)·E‖∇D(x)‖₂² over real examples. Mescheder et al., "Which Training Methods for GANs do actually Converge?"
(2018), equation 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Count, Positive
from builder.games.penalties.penalty import Penalty, Score, slopes

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class R1(Penalty):
    """(weight/2)·‖∇D‖², on real examples, averaged over the batch; ``weight`` is the paper's γ.

    ``every: 16`` adds it on every sixteenth step of the discriminator alone, sixteenfold: almost the same game
    at almost the price of none (lazy regularisation; Karras et al., StyleGAN2, 2020).
    Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?" (2018).
    """

    main = "weight"
    accepts = (Accepted(""), Accepted("0.1"), Accepted("{weight: 10, every: 16}"))
    rejects = (
        Rejected("{weight: -1}", "expected a real number above 0, found -1"),
        Rejected("{gamma: 10}", "`R1` has no field `gamma`"),
    )

    weight: Positive = 10.0
    every: Count = 1

    def term(
        self, score: Score, real: Tensor, fake: Tensor, generator: Generator, step: int = 0
    ) -> Tensor | None:
        """``weight``·``every``/2·mean(‖∇ₓ score‖₂²) at real examples, on every ``every``-th step; else None."""
        if step % self.every:
            return None
        squares = slopes(score, real).flatten(1).square().sum(1)
        return self.weight * self.every / 2 * squares.mean()

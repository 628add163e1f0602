"""A slope of one between real and made examples, asked for at random points on the lines that join them.

weight·E(‖∇D(x̂)‖₂ − center)², x̂ = u·x + (1 − u)·G(z), u ~ U[0, 1]. Gulrajani et al., "Improved Training of
Wasserstein GANs" (2017), equation 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import NonNegative, Positive
from builder.games.penalties.penalty import Penalty, Score, slopes

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class GradientPenalty(Penalty):
    """weight·(‖∇D‖ − center)², on points between a real and a made example, averaged over the batch.

    The best discriminator of ``Wasserstein`` has the slope 1 there. ``center: 0`` asks for a flat one, which
    lets any objective's game settle (Thanh-Tung et al., 2019). The norm is that of all of an example's values
    together. It is no penalty of single examples under ``BatchNorm2d``, which mixes them: take ``LayerNorm``
    or ``InstanceNorm2d``.
    Source: Gulrajani et al., "Improved Training of Wasserstein GANs" (2017).
    """

    main = "weight"
    accepts = (Accepted(""), Accepted("10"), Accepted("{weight: 10, center: 0}"))
    rejects = (
        Rejected("0", "expected a real number above 0, found 0"),
        Rejected("{centre: 1}", "`GradientPenalty` has no field `centre`"),
    )

    weight: Positive = 10.0
    center: NonNegative = 1.0

    def term(self, score: Score, real: Tensor, fake: Tensor, generator: Generator, step: int = 0) -> Tensor:
        """``weight``·mean((‖∇ₓ score‖₂ − ``center``)²), at a random point between each sample and a real example."""
        import torch

        share = torch.rand(len(real), *[1] * (real.dim() - 1), generator=generator).to(real)
        between = torch.lerp(fake.detach(), real, share)
        lengths = torch.linalg.vector_norm(slopes(score, between).flatten(1), dim=1)
        term: Tensor = self.weight * (lengths - self.center).square().mean()
        return term

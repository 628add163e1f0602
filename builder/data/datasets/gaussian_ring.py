"""GaussianRing: a mixture of Gaussians whose centres lie on a circle: where a GAN forgets some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.data.datasets.gaussian_mixture import GaussianMixture
from builder.fields import Count, Positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@final
class GaussianRing(GaussianMixture):
    """Points about `modes` centres, evenly on a circle of `radius`: mode k is at the angle k·360°/modes.

    x is N×2; the target is the mode, as many points of each, to within one. Both coordinates have the
    standard deviation `std` about their centre. For figures that ask which modes a generator reaches.
    Source: Metz et al., "Unrolled generative adversarial networks" (2017), section 3.1.
    """

    main = "modes"
    accepts = (
        Accepted(""),
        Accepted("12"),
        Accepted("{modes: 8, radius: 2, std: 0.05, examples: 500, seed: 1}"),
    )
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected("{std: 0}", "expected a real number above 0, found 0"),
    )

    modes: Count = 8
    radius: Positive = 1.0
    std: Positive = 0.02

    def centres(self) -> NDArray[np.float64]:
        """The points of the ring, from (radius, 0) on: modes×2."""
        import numpy as np

        angles = 2 * np.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)

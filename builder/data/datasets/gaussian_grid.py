"""GaussianGrid: a mixture of Gaussians whose centres are the points of a square grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.data.datasets.gaussian_mixture import GaussianMixture
from builder.fields import Count, Positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@final
class GaussianGrid(GaussianMixture):
    """Points about side² centres, `spacing` apart in rows and columns about the origin; row by row from below.

    x is N×2; the target is the mode, as many points of each, to within one. Both coordinates have the
    standard deviation `std` about their centre. For figures that ask which modes a generator reaches.
    Source: Srivastava et al., "VEEGAN" (2017), section 4.1: 25 modes at -4, -2, 0, 2 and 4, std 0.05.
    """

    main = "side"
    accepts = (
        Accepted(""),
        Accepted("3"),
        Accepted("{side: 2, spacing: 1, std: 0.1, examples: 400, seed: 1}"),
    )
    rejects = (
        Rejected("2.5", "expected a whole number of at least 1, found the real number 2.5"),
        Rejected("{spacing: 0}", "expected a real number above 0, found 0"),
    )

    side: Count = 5
    spacing: Positive = 2.0
    std: Positive = 0.05

    def centres(self) -> NDArray[np.float64]:
        """The points of the grid, row by row, about the origin: side²×2."""
        import numpy as np

        line = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        y, x = np.meshgrid(line, line, indexing="ij")
        return np.stack([x.ravel(), y.ravel()], axis=1)

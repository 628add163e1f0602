"""modes: how many components of a mixture samples reach, and how many samples belong to one at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, final

from builder.component import Accepted, Rejected
from builder.data.info import DataInfo
from builder.data.section import Data
from builder.errors import Cause
from builder.fields import Count, Positive
from builder.games.measures.measure import Measure, Sampled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@final
class modes(Measure):
    """How many modes of a mixture of Gaussians samples reach, and the share of samples that are good.

    A sample is good within ``within`` standard deviations of the nearest centre; a mode is reached by
    ``least`` good samples. For sources that say where their centres are: `GaussianRing`, `GaussianGrid`.
    Source: Srivastava et al., "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning"
    (2017), section 4.1: 3 standard deviations, one sample.
    """

    figures = ("modes", "good_samples")
    better: ClassVar[Mapping[str, Literal["higher", "lower"]]] = {"modes": "higher", "good_samples": "higher"}
    accepts = (Accepted(""), Accepted("{within: 4, least: 20}"))
    rejects = (
        Rejected("{within: 0}", "expected a real number above 0, found 0"),
        Rejected("{least: 0}", "expected a whole number of at least 1, found 0"),
    )

    within: Positive = 3.0
    least: Count = 1

    def check(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause`` for a source that is no mixture with known centres."""
        if _mixture(data) is None:
            raise Cause(
                f"`modes` needs a source that knows its modes, and `{type(data.source).__name__}` does not",
                "`GaussianRing` and `GaussianGrid` do.",
            )

    def of(self, sampled: Sampled) -> dict[str, float]:
        """How many modes are reached, and the share of samples that lie near one."""
        import numpy as np

        mixture = _mixture(sampled.data)
        assert mixture is not None, "`check` refuses a source without modes"
        centres, std = mixture
        points = sampled.samples.flatten(1).double().numpy()
        distances = np.linalg.norm(points[:, None] - centres, axis=-1)
        nearest = np.where(np.isnan(distances), np.inf, distances).argmin(axis=1)
        good = distances.min(axis=1) <= self.within * std  # never, where a distance is no number
        reached = np.bincount(nearest[good], minlength=len(centres)) >= self.least
        return {"modes": float(reached.sum()), "good_samples": float(good.mean())}


def _mixture(data: Data) -> tuple[NDArray[np.float64], float] | None:
    """The source's centres (modes×axes) and its standard deviation, if it has them."""
    import numpy as np

    centres, std = getattr(data.source, "centres", None), getattr(data.source, "std", None)
    if centres is None or std is None:
        return None
    return np.asarray(centres(), dtype=np.float64), float(std)

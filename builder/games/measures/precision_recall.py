"""precision_recall: whether samples lie where examples lie, and examples where samples lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Count
from builder.games.features import InFeatures, finite
from builder.games.measures.measure import Sampled

if TYPE_CHECKING:
    from torch import Tensor


@final
class precision_recall(InFeatures):
    """How good samples are (precision, density) and how varied (recall, coverage), by nearest neighbours.

    Around every point lies a ball as wide as the way to its ``k``-th neighbour of its own kind. Precision is
    the share of samples in the ball of any example, recall the share of examples in that of any sample.
    Density is in how many balls of examples a sample lies, over ``k``: it may be above 1, and one outlier
    among the examples does not buy it. Coverage is the share of examples in whose ball a sample lies. Held-out
    examples are those compared with, at most 5,000, and as many samples.
    Source: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models" (2019);
    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models" (2020).
    """

    figures = ("precision", "recall", "density", "coverage")
    better = dict.fromkeys(figures, "higher")
    accepts = (Accepted(""), Accepted("classifier.onnx"), Accepted("{classifier: a/model.onnx, k: 3}"))
    rejects = (
        Rejected("{k: 0}", "expected a whole number of at least 1, found 0"),
        Rejected("{features: 3}", "`precision_recall` has no field `features`"),
    )

    k: Count = 5

    def of(self, sampled: Sampled) -> dict[str, float]:
        """Precision, recall, density and coverage; all 0 without a finite sample."""
        import torch

        real, fake = self.features(sampled)
        count = len(fake)
        real, fake = real[finite(real)], fake[finite(fake)]
        if not len(real) or not len(fake):
            return dict.fromkeys(self.figures, 0.0)
        distances = torch.cdist(real, fake)
        reach, reach_of_fake = self._reach(real), self._reach(fake)
        inside = distances < reach[:, None]
        return {
            "precision": float(inside.any(0).sum()) / count,
            "recall": float((distances < reach_of_fake).any(1).double().mean()),
            "density": float(inside.sum()) / (self.k * count),
            "coverage": float((distances.min(1).values < reach).double().mean()),
        }

    def _reach(self, points: Tensor) -> Tensor:
        """How far each point's k-th neighbour is; the last one's, where there are fewer."""
        import torch

        nearest = min(self.k + 1, len(points))  # a point is its own nearest
        return torch.cdist(points, points).kthvalue(nearest, dim=1).values

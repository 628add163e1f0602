"""frechet_distance: |μ − μ'|² + tr(Σ + Σ' − 2·(Σ·Σ')^½), of examples and of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, final

from builder.component import Accepted, Rejected
from builder.games.features import InFeatures, finite
from builder.games.measures.measure import Sampled

if TYPE_CHECKING:
    from torch import Tensor


@final
class frechet_distance(InFeatures):
    """How far apart two Gaussians are that have the means and covariances of examples and of samples; squared.

    With the features of a network that knows images it is called FID. Figures of different features, or of
    another number of samples, do not compare: few samples make it larger. Infinite if a sample is no number.
    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium"
    (2017); Dowson & Landau, "The Fréchet Distance between Multivariate Normal Distributions" (1982).
    """

    figures = ("frechet_distance",)
    better: ClassVar[Mapping[str, Literal["higher", "lower"]]] = {"frechet_distance": "lower"}
    accepts = (Accepted(""), Accepted("classifier.onnx"))
    rejects = (Rejected("{feature: 64}", "`frechet_distance` has no field `feature`"),)

    def of(self, sampled: Sampled) -> dict[str, float]:
        """‖μ − μ′‖² + tr(Σ + Σ′ − 2(ΣΣ′)^½); ∞ for fewer than two samples, or one that is not finite."""
        real, fake = self.features(sampled)
        if len(fake) < 2 or not finite(fake).all():
            return {"frechet_distance": float("inf")}
        (mean, spread), (other, other_spread) = _gaussian(real), _gaussian(fake)
        shift = float((mean - other).square().sum())
        trace = float(spread.trace() + other_spread.trace())
        return {"frechet_distance": max(0.0, shift + trace - 2 * _trace_of_root(spread, other_spread))}


def _gaussian(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance (of the sample: over N − 1)."""
    mean = rows.mean(0)
    centred = rows - mean
    return mean, centred.T @ centred / max(1, len(rows) - 1)


def _trace_of_root(one: Tensor, other: Tensor) -> float:
    """The trace of (A·B)^½ of positive semidefinite matrices: that of (A^½·B·A^½)^½, which is symmetric."""
    import torch

    values, vectors = torch.linalg.eigh(one)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return float(torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum())

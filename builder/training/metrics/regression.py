"""Metrics of real numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from builder.component import Rejected
from builder.training.metrics.metric import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _errors(output: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """Output minus target in float64, one row per example."""
    import numpy as np

    wide: NDArray[Any] = output.astype(np.float64) - target.reshape(output.shape)
    return wide.reshape(len(output), -1)


@final
class mae(Metric):
    """The mean of |output − target|. Source: sklearn.metrics.mean_absolute_error."""

    better = "lower"
    reads = "reals"
    rejects = (Rejected("{squared: true}", "`mae` has no field `squared`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """Over all values of all examples, in float64."""
        return float(abs(_errors(output, target)).mean())


@final
class mse(Metric):
    """The mean of (output − target)². Source: sklearn.metrics.mean_squared_error."""

    better = "lower"
    reads = "reals"
    rejects = (Rejected("{squared: true}", "`mse` has no field `squared`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """Over all values of all examples, in float64."""
        return float((_errors(output, target) ** 2).mean())


@final
class rmse(Metric):
    """√ of the mean of (output − target)², over all values of all examples together."""

    better = "lower"
    reads = "reals"
    rejects = (Rejected("{squared: true}", "`rmse` has no field `squared`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """The root is taken once, of the mean."""
        return float((_errors(output, target) ** 2).mean() ** 0.5)


@final
class r2(Metric):
    """1 − Σ(output − target)²/Σ(target − mean)², the plain mean over target values; at most 1.

    Source: sklearn.metrics.r2_score. A target value that never varies counts 1 if it is met exactly, else 0.
    """

    better = "higher"
    reads = "reals"
    rejects = (Rejected("{adjusted: true}", "`r2` has no field `adjusted`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """R² of each target value over the examples, then their mean."""
        import numpy as np

        missed = (_errors(output, target) ** 2).sum(axis=0)
        rows = target.reshape(len(target), -1).astype(np.float64)
        spread = ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
        share = np.divide(missed, spread, out=np.zeros_like(missed), where=spread > 0)
        still = np.where(np.isfinite(missed), (missed > 0).astype(np.float64), np.nan)
        return float((1 - np.where(spread > 0, share, still)).mean())

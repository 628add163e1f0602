"""Metrics: figures of a network on whole parts of the data, computed from all predictions at once."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, final

from builder.component import Accepted, Catalogue, Component, Rejected
from builder.dataset import Target
from builder.errors import Cause
from builder.shapes import TensorType

if TYPE_CHECKING:
    from numpy.typing import NDArray

Better = Literal["higher", "lower"]
Reads = Literal["classes", "reals"]


class Metric(Component):
    """A figure of outputs and targets. ``better`` says which way it grows."""

    better: ClassVar[Better]
    reads: ClassVar[Reads]
    accepts = (Accepted(""),)

    @final
    def check(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` if it says nothing of such targets; without torch."""
        name = type(self).__name__
        if self.reads == "classes" and target.classes is None:
            raise Cause(
                f"the data's target is real numbers, and `{name}` needs classes", "Use `mae` or `rmse`."
            )
        if self.reads == "reals" and target.classes is not None:
            raise Cause(f"the data's target is {target}, and `{name}` needs real numbers", "Use `accuracy`.")
        self.check_width(output, target)

    def check_width(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` if the output has too few values."""

    @abstractmethod
    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """The figure for outputs N×… (logits, or reals) and targets N (labels) or N×… (reals).

        An output that is not finite is never right; a figure of reals that are not finite is NaN.
        """


def predicted(output: NDArray[Any]) -> NDArray[Any]:
    """The predicted class of each example: the largest value, or with one value whether it is above 0.

    −1, which is no class, where a value is not finite.
    """
    import numpy as np

    classes = (output[:, 0] > 0).astype(np.int64) if output.shape[1] == 1 else output.argmax(axis=1)
    return np.where(np.isfinite(output).all(axis=1), classes, -1)


def _per_class(output: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """True positives, predicted and actual counts of every class that is predicted or there (3×classes)."""
    import numpy as np

    guess = predicted(output)
    known = np.union1d(target, guess[guess >= 0])
    rows = [[((guess == k) & (target == k)).sum(), (guess == k).sum(), (target == k).sum()] for k in known]
    return np.array(rows, dtype=np.float64).T


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> float:
    """The mean over classes of part/whole, 0 where there is nothing to divide by."""
    import numpy as np

    return float(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0).mean())


@final
class accuracy(Metric):
    """The share of examples whose class is right. Source: sklearn.metrics.accuracy_score."""

    better: ClassVar[Better] = "higher"
    reads: ClassVar[Reads] = "classes"
    rejects = (Rejected("{threshold: 0.5}", "`accuracy` has no field `threshold`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        return float((predicted(output) == target).mean())


@final
class top_5_accuracy(Metric):
    """The share of examples whose class is among the five largest values; a tie goes to the lower class.

    Source: sklearn.metrics.top_k_accuracy_score with k = 5.
    """

    better: ClassVar[Better] = "higher"
    reads: ClassVar[Reads] = "classes"
    rejects = (Rejected("{k: 3}", "`top_5_accuracy` has no field `k`"),)

    def check_width(self, output: TensorType, target: Target) -> None:
        if output.size < 6:
            raise Cause(f"the output is {output}: among five values every class is", "Use `accuracy`.")

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        import numpy as np

        best = np.argsort(-output, axis=1, kind="stable")[:, :5]
        right = (best == target[:, None]).any(axis=1) & np.isfinite(output).all(axis=1)
        return float(right.mean())


@final
class precision(Metric):
    """Of the examples given to a class, the share that belong to it; the plain mean over classes (macro).

    Source: sklearn.metrics.precision_score.
    """

    better: ClassVar[Better] = "higher"
    reads: ClassVar[Reads] = "classes"
    rejects = (Rejected("{average: micro}", "`precision` has no field `average`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        right, given, _ = _per_class(output, target)
        return _ratio(right, given)


@final
class recall(Metric):
    """Of the examples of a class, the share that were given to it; the plain mean over classes (macro).

    Source: sklearn.metrics.recall_score.
    """

    better: ClassVar[Better] = "higher"
    reads: ClassVar[Reads] = "classes"
    rejects = (Rejected("{average: micro}", "`recall` has no field `average`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        right, _, there = _per_class(output, target)
        return _ratio(right, there)


@final
class f1(Metric):
    """The harmonic mean of precision and recall of each class; the plain mean over classes (macro).

    Source: sklearn.metrics.f1_score.
    """

    better: ClassVar[Better] = "higher"
    reads: ClassVar[Reads] = "classes"
    rejects = (Rejected("{average: micro}", "`f1` has no field `average`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        right, given, there = _per_class(output, target)
        return _ratio(2 * right, given + there)


def _errors(output: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """Output minus target in float64, one row per example."""
    import numpy as np

    wide: NDArray[Any] = output.astype(np.float64) - target.reshape(output.shape)
    return wide.reshape(len(output), -1)


@final
class mae(Metric):
    """The mean of |output − target|. Source: sklearn.metrics.mean_absolute_error."""

    better: ClassVar[Better] = "lower"
    reads: ClassVar[Reads] = "reals"
    rejects = (Rejected("{squared: true}", "`mae` has no field `squared`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        return float(abs(_errors(output, target)).mean())


@final
class mse(Metric):
    """The mean of (output − target)². Source: sklearn.metrics.mean_squared_error."""

    better: ClassVar[Better] = "lower"
    reads: ClassVar[Reads] = "reals"
    rejects = (Rejected("{squared: true}", "`mse` has no field `squared`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        return float((_errors(output, target) ** 2).mean())


@final
class rmse(Metric):
    """√ of the mean of (output − target)², over all values of all examples together."""

    better: ClassVar[Better] = "lower"
    reads: ClassVar[Reads] = "reals"
    rejects = (Rejected("{squared: true}", "`rmse` has no field `squared`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        return float((_errors(output, target) ** 2).mean() ** 0.5)


@final
class r2(Metric):
    """1 − Σ(output − target)²/Σ(target − mean)², the plain mean over target values; at most 1.

    Source: sklearn.metrics.r2_score. A target value that never varies counts 1 if it is met exactly, else 0.
    """

    better: ClassVar[Better] = "higher"
    reads: ClassVar[Reads] = "reals"
    rejects = (Rejected("{adjusted: true}", "`r2` has no field `adjusted`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        import numpy as np

        missed = (_errors(output, target) ** 2).sum(axis=0)
        rows = target.reshape(len(target), -1).astype(np.float64)
        spread = ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
        share = np.divide(missed, spread, out=np.zeros_like(missed), where=spread > 0)
        still = np.where(np.isfinite(missed), (missed > 0).astype(np.float64), np.nan)
        return float((1 - np.where(spread > 0, share, still)).mean())


metrics: Final[Catalogue[Metric]] = Catalogue("metric", "builder.training.metrics", Metric)

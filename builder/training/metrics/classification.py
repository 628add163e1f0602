"""Metrics of classes."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, final

from builder.component import Rejected
from builder.data.info import Target
from builder.errors import Cause
from builder.shapes import TensorType
from builder.training.metrics.metric import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[Any]  # one number for each class


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

    better = "higher"
    reads = "classes"
    rejects = (Rejected("{threshold: 0.5}", "`accuracy` has no field `threshold`"),)

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """The share of labels that ``predicted`` gives."""
        return float((predicted(output) == target).mean())


@final
class top_5_accuracy(Metric):
    """The share of examples whose class is among the five largest values; a tie goes to the lower class.

    Source: sklearn.metrics.top_k_accuracy_score with k = 5.
    """

    better = "higher"
    reads = "classes"
    rejects = (Rejected("{k: 3}", "`top_5_accuracy` has no field `k`"),)

    def check_width(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` for fewer than six values."""
        if output.size < 6:
            raise Cause(f"the output is {output}: among five values every class is", "Use `accuracy`.")

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """Sorts stably; an output that is not finite is not right."""
        import numpy as np

        best = np.argsort(-output, axis=1, kind="stable")[:, :5]
        right = (best == target[:, None]).any(axis=1) & np.isfinite(output).all(axis=1)
        return float(right.mean())


class OfEachClass(Metric):
    """A share for each class, and the plain mean of them (macro)."""

    better = "higher"
    reads = "classes"

    @abstractmethod
    def share(self, right: Counts, given: Counts, there: Counts) -> tuple[Counts, Counts]:
        """Part and whole of each class, from the examples that are right, those given to it, and those that it has."""

    @final
    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """The mean over the classes that are predicted or there; a class without a whole counts 0."""
        return _ratio(*self.share(*_per_class(output, target)))


@final
class precision(OfEachClass):
    """Of the examples given to a class, the share that belong to it; the plain mean over classes (macro).

    Source: sklearn.metrics.precision_score.
    """

    rejects = (Rejected("{average: micro}", "`precision` has no field `average`"),)

    def share(self, right: Counts, given: Counts, there: Counts) -> tuple[Counts, Counts]:
        """Right, of those given to the class."""
        return right, given


@final
class recall(OfEachClass):
    """Of the examples of a class, the share that were given to it; the plain mean over classes (macro).

    Source: sklearn.metrics.recall_score.
    """

    rejects = (Rejected("{average: micro}", "`recall` has no field `average`"),)

    def share(self, right: Counts, given: Counts, there: Counts) -> tuple[Counts, Counts]:
        """Right, of those that the class has."""
        return right, there


@final
class f1(OfEachClass):
    """The harmonic mean of precision and recall of each class; the plain mean over classes (macro).

    Source: sklearn.metrics.f1_score.
    """

    rejects = (Rejected("{average: micro}", "`f1` has no field `average`"),)

    def share(self, right: Counts, given: Counts, there: Counts) -> tuple[Counts, Counts]:
        """2·right/(given + there), the harmonic mean of right/given and right/there."""
        return 2 * right, given + there


@final
class perplexity(Metric):
    """exp of the mean of −log softmax(output)[class]: between how many classes the network is left to choose.

    1 is certainty, the number of classes is knowing nothing; ∞ where an output is not finite.
    Source: Jelinek, Mercer, Bahl & Baker, "Perplexity: a measure of the difficulty of speech recognition tasks" (1977).
    """

    better = "lower"
    reads = "classes"
    rejects = (Rejected("{base: 2}", "`perplexity` has no field `base`"),)

    def check_width(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` for a single value."""
        if output.size < 2:
            raise Cause(f"the output is {output}, and `perplexity` needs one value per class")

    def of(self, output: NDArray[Any], target: NDArray[Any]) -> float:
        """Works in float64, with the largest logit subtracted."""
        import numpy as np

        wide = output.astype(np.float64)
        if not np.isfinite(wide).all():
            return float("inf")
        shifted = wide - wide.max(axis=1, keepdims=True)
        lost = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(target)), target]
        return float(np.exp(lost.mean()))

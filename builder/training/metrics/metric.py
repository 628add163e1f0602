"""What a metric is. The metrics themselves are imported when a spec names one."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, final

from builder.component import Accepted, Catalogue, Component
from builder.data.info import Target
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


metrics: Final[Catalogue[Metric]] = Catalogue("metric", "builder.training.metrics", Metric)

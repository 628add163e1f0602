"""What a loss is. The losses themselves are imported when a spec names one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from builder.component import Catalogue, Component
from builder.data.info import Target
from builder.errors import Cause
from builder.shapes import TensorType

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Criterion = Callable[["Tensor", "Tensor"], "Tensor"]
Reduction = Literal["mean", "sum"]
_OLD: Final = "PyTorch has retired it: write `reduction`."
REFUSED: Final = {"size_average": _OLD, "reduce": _OLD}


class Loss(Component):
    """A loss of ``torch.nn``, with its argument names and defaults."""

    refused = REFUSED

    @abstractmethod
    def check(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` if this loss cannot hold such an output against such a target; without torch."""

    @abstractmethod
    def build(self, device: torch.device | str = "cpu") -> Criterion:
        """A function of the output (N×…) and the target as the data holds it (int64 labels, or reals).

        Its value is one number. Imports torch inside.
        """


def expect_reals(loss: Loss, output: TensorType, target: Target) -> None:
    """Raises ``Cause`` if the target is no reals of the output's shape."""
    name = type(loss).__name__
    if target.classes is not None:
        raise Cause(
            f"the data's target is {target}, and `{name}` needs real numbers", "Use `CrossEntropyLoss`."
        )
    if output.shape != target.shape:
        raise Cause(f"the data's target is {TensorType(target.shape)}, and the output is {output}")


losses: Final[Catalogue[Loss]] = Catalogue("loss", "builder.training.losses", Loss)

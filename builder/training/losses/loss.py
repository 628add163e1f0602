"""What a loss is. The losses themselves are imported when a spec names one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, final

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

    def build(self, device: torch.device | str = "cpu") -> Criterion:
        """A function of the output (N×…) and the target as the data holds it (int64 labels, or reals).

        Its value is one number. By default the torch module of the same name; imports torch inside.
        """
        from torch import nn

        module: nn.Module = getattr(nn, type(self).__name__)(**self.arguments(device))
        return module

    @final
    def arguments(self, device: torch.device | str) -> dict[str, Any]:
        """All fields as keyword arguments for the torch class of the same name; weights are tensors on ``device``."""
        import torch

        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: torch.tensor(value, device=device) if isinstance(value, tuple) else value
            for name, value in fields.items()
        }


def expect_reals(loss: Loss, output: TensorType, target: Target) -> None:
    """Raises ``Cause`` unless the target is reals of the output's shape."""
    name = type(loss).__name__
    if target.classes is not None:
        raise Cause(
            f"the data's target is {target}, and `{name}` needs real numbers", "Use `CrossEntropyLoss`."
        )
    if output.shape != target.shape:
        raise Cause(f"the data's target is {TensorType(target.shape)}, and the output is {output}")


losses: Final[Catalogue[Loss]] = Catalogue("loss", "builder.training.losses", Loss)

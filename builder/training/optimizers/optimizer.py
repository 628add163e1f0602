"""What an optimiser is. The optimisers themselves are imported when a spec names one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final, final

from builder.component import Catalogue, Component

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

_SPEED: Final = "It changes speed alone; the fastest that the device has is taken."
_REFUSED: Final = {
    "foreach": _SPEED,
    "fused": _SPEED,
    "capturable": "Runs are not captured as CUDA graphs.",
    "differentiable": "Steps are never differentiated through.",
    "maximize": "A loss is minimised.",
}


class Optimizer(Component):
    """An optimiser of ``torch.optim``, with its argument names and defaults.

    ``momentum_like`` says that it has a momentum or betas, which ``OneCycleLR`` can cycle; ``has_fused`` that
    torch has its whole step as one kernel, on the CPU too.
    """

    main = "lr"
    refused = _REFUSED
    momentum_like: ClassVar[bool] = True
    has_fused: ClassVar[bool] = False

    @final
    def build(self, params: Iterable[nn.Parameter]) -> TorchOptimizer:
        """The torch optimiser of the same name for these parameters, fused where torch can. Imports torch inside."""
        from torch import optim

        weights = list(params)
        arguments = {name: getattr(self, name) for name in type(self).model_fields}
        if self.has_fused and all(
            w.is_floating_point() and w.device.type in ("cpu", "cuda") for w in weights
        ):
            arguments["fused"] = True
        made: TorchOptimizer = getattr(optim, type(self).__name__)(weights, **arguments)
        return made


optimizers: Final[Catalogue[Optimizer]] = Catalogue("optimiser", "builder.training.optimizers", Optimizer)

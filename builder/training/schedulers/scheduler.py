"""What a learning rate scheduler is. The schedulers themselves are imported when a spec names one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, final

from builder.component import Catalogue, Component

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.lr_scheduler import LRScheduler

    from builder.training.optimizers.optimizer import Optimizer


class Scheduler(Component):
    """A scheduler of ``torch.optim.lr_scheduler``, with its argument names and defaults.

    ``steps`` says when ``step()`` is called: after every batch, after every epoch, or after every epoch with
    the figure that ``monitor`` names. ``own`` are fields that torch has not.
    """

    refused: ClassVar[dict[str, str]] = {"last_epoch": "A resumed run goes on where it was by itself."}
    steps: ClassVar[Literal["batch", "epoch", "monitor"]] = "epoch"
    own: ClassVar[frozenset[str]] = frozenset()

    @final
    def build(self, optimizer: TorchOptimizer, steps_per_epoch: int, epochs: int) -> LRScheduler:
        """The torch scheduler of the same name; what follows from the run is filled in. Imports torch inside."""
        from torch.optim import lr_scheduler

        fields = {name: getattr(self, name) for name in type(self).model_fields if name not in self.own}
        fields |= self.from_run(steps_per_epoch, epochs)
        made: LRScheduler = getattr(lr_scheduler, type(self).__name__)(optimizer, **fields)
        return made

    def from_run(self, steps_per_epoch: int, epochs: int) -> dict[str, Any]:
        """Arguments of the torch class that follow from how long the run is."""
        return {}

    def check(self, optimizer: Optimizer, epochs: int) -> None:
        """Raises ``Cause`` if it cannot go with this optimiser, or with so many epochs."""


schedulers: Final[Catalogue[Scheduler]] = Catalogue("scheduler", "builder.training.schedulers", Scheduler)

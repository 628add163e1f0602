"""What a layer is: fields, a rule without torch, and the torch module it becomes."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

from builder.component import Catalogue, Component
from builder.errors import Cause
from builder.shapes import Inferred, TensorType

if TYPE_CHECKING:
    from torch import nn

REFUSED: Final = {
    "device": "Where a network runs is said once, in `train: {device: …}`.",
    "dtype": "Precision is said once, in `train: {precision: …}`.",
    "inplace": "It would overwrite a value that another layer may read; it saves nothing here.",
}


class Layer(Component):
    """A layer type of ``torch.nn`` (or one of our own, for wiring).

    ``snake`` is the type's name in snake case, ``torch.nn.functional``'s where there is one. ``merges`` says
    that it takes several inputs of one meaning, in any number; ``masks`` that it works along an axis which
    may be free, and that its module is then called with the examples' lengths too (int64, N; or None).
    """

    refused = REFUSED
    snake: ClassVar[str]
    merges: ClassVar[bool] = False
    masks: ClassVar[bool] = False
    weight_axis: ClassVar[int] = 0

    @final
    def infer(self, *arrives: TensorType) -> Inferred:
        """Output type, parameter shapes, multiply-adds and the arithmetic, for what arrives.

        Raises ``Cause`` if what arrives does not fit, or contradicts a size the author wrote.
        """
        if not self.merges and len(arrives) != 1:
            raise Cause(
                f"`{type(self).__name__}` takes one input, found {len(arrives)}",
                "Merge them first with `Add`, `Multiply` or `Concat`.",
                field="from",
            )
        inferred = self.rule(*arrives)
        for name, size in inferred.sizes.items():
            written = getattr(self, name)
            if written is not None and written != size:
                raise Cause(
                    f"`{name}` is written as {written}, but {size} arrive",
                    f"Write {size}, or leave it out: it follows from the input.",
                    field=name,
                )
        return inferred

    @abstractmethod
    def rule(self, *arrives: TensorType) -> Inferred:
        """The shape rule. Raises ``Cause``."""

    @abstractmethod
    def build(self, sizes: dict[str, int]) -> "nn.Module":
        """The torch module; ``sizes`` are the fields that follow from the input. Imports torch inside."""

    @final
    def arguments(self, sizes: dict[str, int]) -> dict[str, Any]:
        """All fields as keyword arguments for the torch class of the same name."""
        return {name: getattr(self, name) for name in type(self).model_fields} | sizes


layers: Final[Catalogue[Layer]] = Catalogue("layer type", "builder.layers", Layer)

"""What an initialiser is. The initialisers themselves are imported when a spec names one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

from builder.component import Catalogue, Component
from builder.errors import Cause
from builder.shapes import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Initializer(Component):
    """An initialiser of ``torch.nn.init``, with its argument names and defaults.

    ``axes`` are the numbers of axes that a parameter may have, least and most.
    """

    refused: ClassVar[Mapping[str, str]] = {"generator": "The seed is said once, in `train: {seed: …}`."}
    axes: ClassVar[tuple[int, float]] = (0, math.inf)
    draws: ClassVar[bool] = True

    @final
    def check(self, shape: Shape) -> None:
        """Raises ``Cause`` if a parameter of this shape cannot be initialised so; without torch."""
        least, most = self.axes
        if not least <= len(shape) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            wanted = f"{least} or more" if most == math.inf else wanted
            raise Cause(
                f"`{type(self).__name__}` needs a parameter of {wanted} axes, "
                f"and this has shape {list(shape)}",
                "For a bias, use `zeros_`, `normal_` or `uniform_`." if len(shape) == 1 else None,
            )
        self.check_shape(shape)

    def check_shape(self, shape: Shape) -> None:
        """Raises ``Cause`` if the sizes do not fit."""

    @final
    def apply(self, tensor: Tensor, generator: Generator | None = None) -> Tensor:
        """Fills ``tensor`` in place by the function of ``torch.nn.init`` of the same name.

        The same numbers are drawn in the same order.
        ``generator`` absent: torch's global one.
        """
        from torch.nn import init

        arguments: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        arguments |= {"generator": generator} if self.draws else {}
        filled: Tensor = getattr(init, type(self).__name__)(tensor, **arguments)
        return filled


initializers: Final[Catalogue[Initializer]] = Catalogue(
    "initialiser", "builder.training.initializers", Initializer
)

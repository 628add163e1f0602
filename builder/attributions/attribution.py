"""What an attribution is: how much each value of one example has to do with one number that a network gives.

The number f is a class's output before any softmax, or an output's own value. What is computed is captum's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

from builder.component import Catalogue, Component

if TYPE_CHECKING:
    from torch import Tensor, nn

# What an example's axes are: F of a table, C×H×W of an image, T×F of a sequence, T×E of embedded tokens.
Kind = Literal["table", "image", "sequence", "tokens"]


@dataclass(frozen=True, eq=False)
class Asked:
    """One number, and the example (1×…) of which it is asked.

    ``number`` takes N×… to N and is differentiable. ``baseline`` (1×…) is the example that says nothing. ``maps``
    are the layers whose outputs are C×H×W, by name; ``convolution`` the one of them that Grad-CAM looks at unless
    told, if there is any. At most ``at_once`` examples go through the network together.
    """

    number: Callable[[Tensor], Tensor]
    x: Tensor
    baseline: Tensor
    kind: Kind
    maps: Mapping[str, nn.Module] = field(default_factory=dict)
    convolution: str | None = None
    at_once: int = 64


class Found(NamedTuple):
    """What a method found: ``values`` as the example (…, without the batch axis); Grad-CAM's have no channels.

    Where a method promises that its values sum to f(x) − f(baseline), ``change`` is that difference, and
    ``delta`` what the sum has too much. ``layer`` is the layer that was looked at, if it was one inside.
    """

    values: Tensor
    change: float | None = None
    delta: float | None = None
    layer: str | None = None


class Attribution(Component):
    """A way to say what a decision rests on.

    ``signed`` says whether a value may speak against; ``shows`` what one value is, in a few words. ``over`` says how
    values that stand at one place (an image's channels, a token's embedding) become one.
    """

    signed: ClassVar[bool]
    shows: ClassVar[str]
    over: ClassVar[Literal["sum", "mean", "max"]]

    def check(self, asked: Asked) -> None:  # most can be asked everything
        """Raises ``Cause`` if this cannot be asked."""

    @abstractmethod
    def attribute(self, asked: Asked) -> Found:
        """Asks; ``check`` has passed. Imports torch and captum inside."""


attributions: Final[Catalogue[Attribution]] = Catalogue("attribution", "builder.attributions", Attribution)

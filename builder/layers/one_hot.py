"""OneHot: y[k] = 1 where k is the token, else 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType

if TYPE_CHECKING:
    from torch import nn

_LABEL = TensorType((), 10)


@final
class OneHot(Layer):
    """A vector for each token: 1 at the token's own place, 0 elsewhere. Nothing is learned.

    Input N×… tokens, output N×…×num_classes reals. How many classes there are follows from the input's
    vocabulary. Its dtype is that of the network's weights: `double()` makes it float64.
    Source: torch.nn.functional.one_hot.
    """

    main = "num_classes"
    snake = "one_hot"
    accepts = (
        Accepted("", on=(_LABEL,)),
        Accepted("80", on=(TensorType((7,), 80),)),
        Accepted("", on=(TensorType(("T",), 5),)),
    )
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected("12", "`num_classes` is written as 12, but 10 arrive", on=(_LABEL,)),
        Rejected("", "`OneHot` needs tokens, and N×10 arrives", on=((10,),)),
    )

    num_classes: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """Tokens N×… to reals N×…×num_classes. Raises ``Cause`` for an input without a vocabulary."""
        (x,) = arrives
        if x.vocabulary is None:
            raise Cause(
                f"`OneHot` needs tokens, and {x} arrives",
                "An input of tokens says how many there are: `inputs: {label: {shape: [], vocabulary: 10}}`.",
            )
        return Inferred(TensorType((*x.shape, x.vocabulary)), sizes={"num_classes": x.vocabulary})

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.functional.one_hot``, cast to the network's dtype; ``sizes`` gives ``num_classes``."""
        from builder.runtime.network import wiring

        return wiring.OneHot(sizes["num_classes"])

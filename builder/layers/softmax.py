"""The activations that normalise along an axis: exponentials that sum to one."""

from __future__ import annotations

import math
from typing import final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Int
from builder.layers.shared.activation import Activation
from builder.shapes import Inferred, TensorType, axis, expect_fixed, expect_reals


class Normalising(Activation):
    """Exponentials along one axis, divided by their sum.

    torch guesses the axis if ``dim`` is left out, and warns; here it must be said.
    """

    main = "dim"

    dim: Int | None = None

    @final
    def rule(self, *arrives: TensorType) -> Inferred:
        """Any shape, unchanged. Raises ``Cause`` unless ``dim`` is written and is a fixed axis other than the batch."""
        (x,) = arrives
        name = type(self).__name__
        expect_reals(x, name)
        if self.dim is None:
            what = "the classes of a vector" if len(x.shape) == 1 else "the channels"
            raise Cause(
                f"`{name}` needs `dim`, the axis whose values belong together",
                f"Write `{name}: 1` for {what}; axis 0 is the batch.",
            )
        along = axis(self.dim, x, name)
        expect_fixed(x, name, slice(along, along + 1))
        return Inferred(x)


_ALONG = (
    Accepted("1", on=((5,),)),
    Accepted("-1", on=((3, 4, 5),)),
    Accepted("{dim: 2}", on=((3, 4, 5),)),
    Accepted("-1", on=(("T", 5),)),
)


@final
class Softmax(Normalising):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along `dim`, which counts the batch axis as 0: probabilities. Any shape.

    `CrossEntropyLoss` has it inside, so a classifier trained with that ends without it.
    Source: torch.nn.Softmax.
    """

    snake = "softmax"
    span = (0.0, 1.0)
    accepts = _ALONG
    rejects = (
        Rejected("", "`Softmax` needs `dim`, the axis whose values belong together", on=((5,),)),
        Rejected("0", "`dim: 0` is the batch axis, along which `Softmax` would mix the examples", on=((5,),)),
        Rejected(
            "-2", "`dim: -2` is the batch axis, along which `Softmax` would mix the examples", on=((5,),)
        ),
        Rejected("2", "`dim` is 2, and N×5 has no such axis", on=((5,),)),
        Rejected(
            "1",
            "`Softmax` over the free axis T of N×T×5: each example has another length there",
            on=(("T", 5),),
        ),
        Rejected("last", 'expected a whole number, found the text "last"'),
    )


@final
class LogSoftmax(Normalising):
    """yᵢ = xᵢ − ln Σⱼ e^xⱼ along `dim`, which counts the batch axis as 0: for `NLLLoss`. Any shape.

    Source: torch.nn.LogSoftmax.
    """

    snake = "log_softmax"
    span = (-math.inf, 0.0)
    accepts = _ALONG
    rejects = (
        Rejected("", "`LogSoftmax` needs `dim`, the axis whose values belong together", on=((3, 4, 4),)),
        Rejected("1.0", "expected a whole number, found the real number 1.0"),
    )

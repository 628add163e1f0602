"""Rectifiers: y = x above zero, and a line, or nothing, below."""

from __future__ import annotations

import math
from typing import final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Real
from builder.layers.shared.activation import ANY_SHAPE, Activation, Elementwise
from builder.shapes import Inferred, TensorType, expect_reals


@final
class ReLU(Elementwise):
    """y = max(0, x). Any shape. Source: torch.nn.ReLU; Nair & Hinton (2010)."""

    snake = "relu"
    span = (0.0, math.inf)
    accepts = ANY_SHAPE
    rejects = (Rejected("{inplace: true}", "`ReLU` does not take `inplace` here"),)


@final
class LeakyReLU(Elementwise):
    """y = x above zero, negative_slope·x below. Any shape. Source: torch.nn.LeakyReLU; Maas et al. (2013)."""

    main = "negative_slope"
    snake = "leaky_relu"
    accepts = (*ANY_SHAPE, Accepted("0.2", on=((5,),)))
    rejects = (Rejected("steep", 'expected a real number, found the text "steep"'),)

    negative_slope: Real = 0.01


@final
class PReLU(Activation):
    """y = x above zero, a·x below, with a learned: one, or one for each channel.

    Any shape; the channels are the first axis after the batch's. `init` is where a starts.
    Source: torch.nn.PReLU; He et al., "Delving deep into rectifiers" (2015).
    """

    main = "num_parameters"
    snake = "prelu"
    accepts = (
        *ANY_SHAPE,
        Accepted("{num_parameters: 3, init: 0.1}", on=((3, 4, 4),)),
        Accepted("5", on=((5,),)),
    )
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected(
            "2", "`num_parameters` is 2, and 3 channels arrive: one for each, or 1 for all", on=((3, 4, 4),)
        ),
    )

    num_parameters: Count = 1
    init: Real = 0.25

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×…, unchanged. Raises ``Cause`` unless ``num_parameters`` is 1 or C."""
        (x,) = arrives
        expect_reals(x, "PReLU")
        channels = x.shape[0] if x.shape else 1
        if self.num_parameters not in (1, channels):
            raise Cause(
                f"`num_parameters` is {self.num_parameters}, and {channels} channels arrive: "
                "one for each, or 1 for all",
                field="num_parameters",
            )
        return Inferred(x, {"weight": (self.num_parameters,)})

"""Linear: y = W x + b."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag
from builder.layers.layer import Layer
from builder.shapes import Inferred, Shape, TensorType, expect_fixed, expect_reals, values

if TYPE_CHECKING:
    from torch import nn


@final
class Linear(Layer):
    """A fully connected layer: every output is a weighted sum of all inputs, and a bias.

    Input N×…×in_features, output N×…×out_features: it works along the last axis, alike for every position
    of the others. An image is flattened before it.
    Source: torch.nn.Linear.
    """

    main = "out_features"
    snake = "linear"
    accepts = (
        Accepted("10", on=((84,),)),
        Accepted("{out_features: 3, bias: false}", on=(("T", 5),)),
        Accepted("{out_features: 4, in_features: 6}", on=((7, 6),)),
    )
    rejects = (
        Rejected("{}", "`Linear` needs `out_features`"),
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected("12.0", "expected a whole number of at least 1, found the real number 12.0"),
        Rejected("{out_features: 3, bias: yes}", 'expected true or false, found the text "yes"'),
        Rejected("{out_features: 3, device: cuda}", "`Linear` does not take `device` here"),
        Rejected(
            "{out_features: 10, in_features: 80}",
            "`in_features` is written as 80, but 84 arrive",
            on=((84,),),
        ),
        Rejected(
            "10", "`Linear` needs real numbers, and N×7 tokens of 80 arrive", on=(TensorType((7,), 80),)
        ),
    )

    out_features: Count
    bias: Flag = True
    in_features: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×…×in_features to N×…×out_features: every position is mapped alike."""
        (x,) = arrives
        expect_reals(x, "Linear")
        if not x.shape:
            raise Cause(f"`Linear` needs an axis of features, and {x} arrives")
        (features,) = expect_fixed(x, "Linear", slice(-1, None))
        positions = x.shape[:-1]
        weights = features * self.out_features
        parameters: dict[str, Shape] = {"weight": (self.out_features, features)}
        how = f"{features}·{self.out_features} = {weights}"
        if self.bias:
            parameters["bias"] = (self.out_features,)
            how = f"{features}·{self.out_features} + {self.out_features} = {weights + self.out_features}"
        return Inferred(
            TensorType((*positions, self.out_features)),
            parameters,
            multiply_adds=values(positions) * weights,
            how=how,
            sizes={"in_features": features},
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Linear``; ``sizes`` gives ``in_features``."""
        from torch import nn

        return nn.Linear(**self.arguments(sizes))

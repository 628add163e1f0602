"""LayerNorm: y = γ ⊙ (x − E[x])/√(Var[x] + ε) + β, over the last axes of each example (Ba et al., 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import PlainValidator, WithJsonSchema

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import LARGEST, Flag, Positive, wrong
from builder.layers.layer import Layer
from builder.shapes import Inferred, Shape, TensorType, count, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn


def _normalized_shape(value: Any) -> int | Shape:
    sizes = value if isinstance(value, list | tuple) else [value]
    if not sizes or not all(type(n) is int and 1 <= n <= LARGEST for n in sizes):
        raise wrong("a whole number of at least 1, or a list of them", value)
    return tuple(value) if isinstance(value, list | tuple) else int(value)


_WHOLE = {"type": "integer", "minimum": 1}
NormalizedShape = Annotated[
    int | Shape,
    PlainValidator(_normalized_shape),
    WithJsonSchema({"anyOf": [_WHOLE, {"type": "array", "items": _WHOLE, "minItems": 1}]}),
]


@final
class LayerNorm(Layer):
    """Normalises each position's features, then scales and shifts them by learned weights.

    Input and output N×…×features. Mean and variance are taken over the last axis, or over the last axes that
    `normalized_shape` lists; other examples and other steps play no part, nor does the mode. It is not
    counted in multiply-adds.
    Source: torch.nn.LayerNorm; Ba, Kiros & Hinton, "Layer normalization" (2016).
    """

    main = "normalized_shape"
    snake = "layer_norm"
    accepts = (
        Accepted("", on=(("T", 6),)),
        Accepted("{eps: 1e-3, normalized_shape: 6}", on=((5, 6),)),
        Accepted("[5, 6]", on=((4, 5, 6),)),
        Accepted("{bias: false}", on=((6,),)),
        Accepted("{elementwise_affine: false}", on=((4, 6),)),
    )
    rejects = (
        Rejected("0", "expected a whole number of at least 1, or a list of them, found 0"),
        Rejected("{eps: 0}", "expected a real number above 0, found 0"),
        Rejected("{normalized_shape: 8}", "`normalized_shape` is written as 8, but 6 arrive", on=((4, 6),)),
        Rejected("[4, 6]", "`normalized_shape` is [4, 6], and N×5×6 does not end so", on=((5, 6),)),
        Rejected(
            "[4, 6]",
            "`LayerNorm` over the free axis T of N×T×6: each example has another length there",
            on=(("T", 6),),
        ),
    )

    normalized_shape: NormalizedShape | None = None
    eps: Positive = 1e-5
    elementwise_affine: Flag = True
    bias: Flag = True

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×…, unchanged. Raises ``Cause`` unless the shape ends in ``normalized_shape``."""
        (x,) = arrives
        expect_reals(x, "LayerNorm")
        if not x.shape:
            raise Cause(f"`LayerNorm` needs an axis of features, and {x} arrives")
        listed = self.normalized_shape if isinstance(self.normalized_shape, tuple) else None
        shape = expect_fixed(x, "LayerNorm", slice(-len(listed or (1,)), None))
        if listed is not None and shape != listed:
            raise Cause(
                f"`normalized_shape` is {list(listed)}, and {x} does not end so", field="normalized_shape"
            )
        names = ("weight", "bias") if self.bias else ("weight",)
        parameters = dict.fromkeys(names, shape) if self.elementwise_affine else {}
        product = "·".join(map(str, (len(parameters), *shape)))
        return Inferred(
            x,
            parameters,
            how=f"{product} = {len(parameters) * count(shape)}" if parameters else "",
            sizes={"normalized_shape": shape[0]} if listed is None else {},
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.LayerNorm``; ``sizes`` gives a ``normalized_shape`` that was left out."""
        from torch import nn

        return nn.LayerNorm(**self.arguments(sizes))

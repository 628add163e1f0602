"""AdaptiveAvgPool2d: y[i] = mean of x from ⌊i·H/S⌋ up to ⌈(i + 1)·H/S⌉, for an output of S."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, final

from builder.component import Accepted, Rejected
from builder.fields import LARGEST, Checked, wrong
from builder.layers.layer import Layer
from builder.shapes import Inferred, Sum, TensorType, both_axes, expect_rank

if TYPE_CHECKING:
    from torch import nn


def _output_size(value: Any) -> int | tuple[int | None, ...]:
    pair = isinstance(value, list | tuple)
    sizes = value if pair else [value]
    whole = all(
        isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= LARGEST for n in sizes if n is not None
    )
    if not whole or (pair and len(value) != 2) or value is None:
        raise wrong("a whole number of at least 1, or two (null keeps a size)", value)
    return tuple(value) if pair else value


_WHOLE = {"type": "integer", "minimum": 1}
_EACH = {"anyOf": [_WHOLE, {"type": "null"}]}
OutputSize = Annotated[
    int | tuple[int | None, ...],
    Checked(
        _output_size, {"anyOf": [_WHOLE, {"type": "array", "items": _EACH, "minItems": 2, "maxItems": 2}]}
    ),
]


@final
class AdaptiveAvgPool2d(Layer):
    """Means over windows chosen so that the output has a given size, whatever the input's.

    Input N×C×H×W, output N×C×output_size; `AdaptiveAvgPool2d: 1` is global average pooling. A size of null
    in a pair keeps the input's. Along an axis the windows are H/S long if S divides H, else they overlap.
    It has no weights, and its sums are not counted as multiply-adds.
    Source: torch.nn.AdaptiveAvgPool2d; Lin et al., "Network in network" (2014).
    """

    main = "output_size"
    snake = "adaptive_avg_pool2d"
    accepts = (
        Accepted("1", on=((4, 7, 9),)),
        Accepted("[2, 3]", on=((2, 6, 9),)),
        Accepted("[null, 4]", on=((2, 5, 10),)),
        Accepted("[null, null]", on=((2, 3, 4),)),
        Accepted("6", on=((1, 4, 4),)),
    )
    rejects = (
        Rejected("{}", "`AdaptiveAvgPool2d` needs `output_size`"),
        Rejected(
            "[0, 3]",
            "expected a whole number of at least 1, or two (null keeps a size), found the list [0, 3]",
        ),
        Rejected(
            "{output_size: null}",
            "expected a whole number of at least 1, or two (null keeps a size), found nothing",
        ),
        Rejected(
            "1", "`AdaptiveAvgPool2d` needs an input of 3 axes (C, H, W), and N×64 arrives", on=((64,),)
        ),
    )

    output_size: OutputSize

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×C×S×S', for an ``output_size`` of S×S'; None in it keeps an axis."""
        (x,) = arrives
        channels, *size = expect_rank(x, "AdaptiveAvgPool2d", "C, H, W")
        wanted = self.output_size if isinstance(self.output_size, tuple) else (self.output_size,) * 2
        height, width = (_windows(*axis) for axis in zip(size, wanted, strict=True))
        return Inferred(TensorType((channels, height.value, width.value)), how=both_axes(height, width))

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.AdaptiveAvgPool2d``, which has no weights."""
        from torch import nn

        return nn.AdaptiveAvgPool2d(**self.arguments(sizes))


def _windows(size: int, wanted: int | None) -> Sum:
    if wanted is None or wanted == size:
        return Sum(size, f"{size} kept")
    if size % wanted:
        return Sum(wanted, f"windows from ⌊i·{size}/{wanted}⌋ to ⌈(i + 1)·{size}/{wanted}⌉")
    return Sum(wanted, f"windows of {size}/{wanted} = {size // wanted}")

"""ZeroPad2d and ReflectionPad2d: a border around an image, of zeros or of the image mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import LARGEST, Checked, wrong
from builder.layers.layer import Layer
from builder.shapes import Inferred, Shape, Sum, TensorType, both_axes, expect_rank

if TYPE_CHECKING:
    from torch import nn


def _sides(value: Any) -> int | Shape:
    several = isinstance(value, list | tuple)
    sides = value if several else [value]
    if (several and len(value) != 4) or not all(type(n) is int and 0 <= n <= LARGEST for n in sides):
        raise wrong("a whole number of at least 0, or four of them", value)
    return tuple(value) if several else int(value)


_NATURAL = {"type": "integer", "minimum": 0}
Sides = Annotated[
    int | Shape,
    Checked(
        _sides, {"anyOf": [_NATURAL, {"type": "array", "items": _NATURAL, "minItems": 4, "maxItems": 4}]}
    ),
]


class Padding(Layer):
    """``padding`` on all sides, or on the left, the right, above and below, in torch's order."""

    main = "padding"

    padding: Sides

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×C×(H + above + below)×(W + left + right)."""
        (x,) = arrives
        channels, *size = expect_rank(x, type(self).__name__, "C, H, W")
        padding = self.padding if isinstance(self.padding, tuple) else (self.padding,) * 4
        height, width = (self._axis(*axis) for axis in zip(size, (padding[2:], padding[:2]), strict=True))
        return Inferred(TensorType((channels, height.value, width.value)), how=both_axes(height, width))

    def _axis(self, size: int, sides: Shape) -> Sum:
        first, last = sides
        return Sum(size + first + last, f"{size} + {first} + {last} = {size + first + last}")

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """The class of ``torch.nn`` with this layer's name."""
        from torch import nn

        made: nn.Module = getattr(nn, type(self).__name__)(**self.arguments(sizes))
        return made


@final
class ZeroPad2d(Padding):
    """A border of zeros around each image.

    Input N×C×H×W, output N×C×(H + above + below)×(W + left + right). `padding` is one number for all sides,
    or four: left, right, above, below.
    Source: torch.nn.ZeroPad2d.
    """

    snake = "zero_pad2d"
    accepts = (Accepted("1", on=((2, 3, 4),)), Accepted("[1, 0, 2, 3]", on=((2, 3, 4),)))
    rejects = (
        Rejected("", "`ZeroPad2d` needs `padding`"),
        Rejected("-1", "expected a whole number of at least 0, or four of them, found -1"),
        Rejected("[1, 2]", "expected a whole number of at least 0, or four of them, found the list [1, 2]"),
    )


@final
class ReflectionPad2d(Padding):
    """A border that mirrors each image at its edges, which are not repeated.

    Input N×C×H×W, output N×C×(H + above + below)×(W + left + right). `padding` is one number for all sides,
    or four: left, right, above, below; each is smaller than the image.
    Source: torch.nn.ReflectionPad2d.
    """

    snake = "reflection_pad2d"
    accepts = (Accepted("1", on=((2, 3, 4),)), Accepted("[3, 0, 2, 1]", on=((2, 3, 4),)))
    rejects = (
        Rejected("[1, 2]", "expected a whole number of at least 0, or four of them, found the list [1, 2]"),
        Rejected("3", "a reflection of 3 needs an input larger than that, and 3 arrive", on=((2, 3, 4),)),
    )

    def _axis(self, size: int, sides: Shape) -> Sum:
        if max(sides) >= size:
            raise Cause(
                f"a reflection of {max(sides)} needs an input larger than that, and {size} arrive",
                field="padding",
            )
        return super()._axis(size, sides)

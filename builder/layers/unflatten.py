"""Unflatten: one axis becomes several, the last index running fastest: what undoes Flatten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Checked, Int, wrong
from builder.layers.layer import Layer
from builder.shapes import Inferred, Shape, TensorType, axis, count, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn


def _sizes(value: Any) -> tuple[int, ...]:
    expected = "a list of whole numbers of at least 1, of which one may be -1"
    if not isinstance(value, list | tuple) or not value or list(value).count(-1) > 1:
        raise wrong(expected, value)
    for size in value:
        if isinstance(size, bool) or not isinstance(size, int) or not (1 <= size <= 1 << 40 or size == -1):
            raise wrong(expected, value)
    return tuple(value)


UnflattenedSizes = Annotated[
    tuple[int, ...],
    Checked(_sizes, {"type": "array", "items": {"type": "integer", "minimum": -1}, "minItems": 1}),
]


@final
class Unflatten(Layer):
    """Parts one axis into several; by default an example's first, so that a vector becomes an image.

    Input N×(C·H·W), output N×C×H×W for `Unflatten: [C, H, W]`. One size may be -1: it follows from the
    others. `dim` counts the batch axis as 0, and from the end with negative numbers, as torch does.
    Source: torch.nn.Unflatten.
    """

    main = "unflattened_size"
    snake = "unflatten"
    accepts = (
        Accepted("[4, 3, 2]", on=((24,),)),
        Accepted("[-1, 3]", on=((6, 5),)),
        Accepted("{dim: -1, unflattened_size: [5, 1]}", on=((6, 5),)),
        Accepted("{dim: 2, unflattened_size: [2, -1]}", on=(("T", 6),)),
    )
    rejects = (
        Rejected("{dim: 1}", "`Unflatten` needs `unflattened_size`"),
        Rejected(
            "[-1, -1]",
            "expected a list of whole numbers of at least 1, of which one may be -1, found the list [-1, -1]",
        ),
        Rejected("[4, 5]", "an axis of 24 cannot be parted into 4·5 = 20", on=((24,),)),
        Rejected("[5, -1]", "an axis of 24 cannot be parted into pieces of 5", on=((24,),)),
        Rejected(
            "{dim: 0, unflattened_size: [2, 2]}",
            "`dim: 0` is the batch axis, along which `Unflatten` would mix the examples",
            on=((24,),),
        ),
        Rejected(
            "[2, 2]",
            "`Unflatten` over the free axis T of N×T×6: each example has another length there",
            on=(("T", 6),),
        ),
    )

    dim: Int = 1
    unflattened_size: UnflattenedSizes

    def rule(self, *arrives: TensorType) -> Inferred:
        """The axis ``dim`` as several. Raises ``Cause`` unless their product is its size."""
        (x,) = arrives
        expect_reals(x, "Unflatten")
        place = axis(self.dim, x, "Unflatten")
        (size,) = expect_fixed(x, "Unflatten", slice(place, place + 1))
        parts = self._parts(size)
        return Inferred(
            TensorType((*x.shape[:place], *parts, *x.shape[place + 1 :])),
            how=f"{size} = {'·'.join(map(str, parts))}",
        )

    def _parts(self, size: int) -> Shape:
        """The sizes that an axis of ``size`` becomes."""
        known = [part for part in self.unflattened_size if part != -1]
        product = count(tuple(known))
        written = "·".join(map(str, known))
        if len(known) == len(self.unflattened_size):
            if product != size:
                total = f"{written} = {product}" if len(known) > 1 else written
                raise Cause(
                    f"an axis of {size} cannot be parted into {total}",
                    "The sizes multiply to what arrives; one of them may be -1.",
                    field="unflattened_size",
                )
            return self.unflattened_size
        if size % product:
            raise Cause(
                f"an axis of {size} cannot be parted into pieces of {written}", field="unflattened_size"
            )
        return tuple(size // product if part == -1 else part for part in self.unflattened_size)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Unflatten``; a -1 in ``unflattened_size`` is left to torch."""
        from torch import nn

        return nn.Unflatten(self.dim, self.unflattened_size)

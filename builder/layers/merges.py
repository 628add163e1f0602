"""Add, Multiply, Concat and Dot: several inputs become one.

Add y = Σ xᵢ, Multiply y = Π xᵢ elementwise; Concat lays them side by side; Dot y = Σ_d a[d]·b[d]. Source:
torch.add, torch.mul, torch.cat, torch.linalg.vecdot; He et al., "Deep residual learning" (2016) for shortcuts
that add.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Checked, Int, wrong
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, axis, broadcast, expect_fixed, expect_rank, expect_reals

if TYPE_CHECKING:
    from torch import nn


def _names(value: Any) -> tuple[str, ...]:
    expected = "a list of at least two names"
    if not isinstance(value, list | tuple) or len(value) < 2:
        raise wrong(expected, value)
    if not all(isinstance(name, str) and name for name in value):
        raise wrong(expected, value)
    return tuple(value)


Of = Annotated[
    tuple[str, ...],
    Checked(_names, {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 2}),
]


class Merging(Layer):
    """A layer of several inputs: those that ``of`` names, or those of the item's ``from``, in order."""

    merges = True
    main = "of"

    of: Of | None = None


@final
class Add(Merging):
    """The elementwise sum: what closes a residual block.

    Inputs and output have one shape. An axis of size 1 is repeated to the others' size; inputs of
    unequally many axes are an error. The batch axis is never repeated.
    Source: torch.add; He et al. (2016).
    """

    snake = "add"
    accepts = (
        Accepted("[body, input]", on=((4, 3, 3), (4, 3, 3))),
        Accepted("", on=((5,), (5,), (5,))),
        Accepted("{of: [a, b]}", on=((4, 3, 3), (4, 1, 1))),
        Accepted("", on=(("T", 4), ("T", 4), (1, 4))),
    )
    rejects = (
        Rejected("[body]", 'expected a list of at least two names, found the list ["body"]'),
        Rejected("body", 'expected a list of at least two names, found the text "body"'),
        Rejected("[1, 2]", "expected a list of at least two names, found the list [1, 2]"),
        Rejected("{alpha: 2}", "`Add` has no field `alpha`"),
        Rejected("", "`Add` meets N×T×4 and N×S×4: T and S differ on axis 1", on=(("T", 4), ("S", 4))),
        Rejected("", "`Add` merges two inputs or more, found 1", on=((4, 3, 3),)),
        Rejected(
            "[body, input]",
            "`Add` meets N×64×8×8 (`body`) and N×32×8×8 (`input`): 64 and 32 differ on axis 1",
            on=((64, 8, 8), (32, 8, 8)),
        ),
        Rejected("", "`Add` meets N×16×4×4 and N×16: they have 3 axes and 1", on=((16, 4, 4), (16,))),
        Rejected(
            "", "`Add` needs real numbers, and N×7 tokens of 80 arrive", on=((7,), TensorType((7,), 80))
        ),
    )

    def rule(self, *arrives: TensorType) -> Inferred:
        """The shape that all inputs broadcast to. Raises ``Cause`` if two sizes differ and none is 1."""
        return _elementwise(self, arrives)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """A sum from left to right, one addition for each further input."""
        from builder.runtime.network import wiring

        return wiring.Add()


@final
class Multiply(Merging):
    """The elementwise product: gates and attention masks.

    Inputs and output have one shape. An axis of size 1 is repeated to the others' size; inputs of
    unequally many axes are an error. The batch axis is never repeated.
    Source: torch.mul.
    """

    snake = "multiply"
    accepts = (
        Accepted("[gate, input]", on=((4, 1, 1), (4, 3, 3))),
        Accepted("", on=((5,), (5,))),
    )
    rejects = (
        Rejected("{of: gate}", 'expected a list of at least two names, found the text "gate"'),
        Rejected("", "`Multiply` meets N×4 and N×5: 4 and 5 differ on axis 1", on=((4,), (5,))),
        Rejected(
            "[a, b, c]",
            "`Multiply` meets N×4×3×3 (`a`) and N×4×3×2 (`c`): 3 and 2 differ on axis 3",
            on=((4, 3, 3), (4, 1, 1), (4, 3, 2)),
        ),
    )

    def rule(self, *arrives: TensorType) -> Inferred:
        """The shape that all inputs broadcast to. Raises ``Cause`` if two sizes differ and none is 1."""
        return _elementwise(self, arrives)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """A product from left to right, one multiplication for each further input."""
        from builder.runtime.network import wiring

        return wiring.Multiply()


@final
class Concat(Merging):
    """The inputs side by side along one axis, by default the channels.

    Inputs N×Cᵢ×H×W, output N×(ΣCᵢ)×H×W; all other axes are equal. `dim` counts the batch axis as 0, and
    from the end with negative numbers, as torch does.
    Source: torch.cat; Huang et al., "Densely connected convolutional networks" (2017).
    """

    snake = "concat"
    accepts = (
        Accepted("[left, right]", on=((4, 3, 3), (2, 3, 3))),
        Accepted("{dim: -1}", on=((4, 3, 1), (4, 3, 2), (4, 3, 3))),
        Accepted("{of: [a, b], dim: 2}", on=((4, 3), (4, 5))),
        Accepted("{dim: -1}", on=(("T", 3), ("T", 5))),
    )
    rejects = (
        Rejected("{of: [a]}", 'expected a list of at least two names, found the list ["a"]'),
        Rejected("{axis: 1}", "`Concat` has no field `axis`"),
        Rejected(
            "",
            "`Concat` over the free axis T of N×T×3: each example has another length there",
            on=(("T", 3), ("T", 3)),
        ),
        Rejected(
            "{dim: 0}",
            "`dim: 0` is the batch axis, along which `Concat` would mix the examples",
            on=((4, 3, 3), (4, 3, 3)),
        ),
        Rejected("{dim: 4}", "`dim` is 4, and N×4×3×3 has no such axis", on=((4, 3, 3), (4, 3, 3))),
        Rejected(
            "[a, b]",
            "`Concat` meets N×16×8×8 (`a`) and N×32×4×4 (`b`): 8 and 4 differ on axis 2",
            on=((16, 8, 8), (32, 4, 4)),
        ),
        Rejected("", "`Concat` meets N×16×8×8 and N×32: they have 3 axes and 1", on=((16, 8, 8), (32,))),
    )

    dim: Int = 1

    def rule(self, *arrives: TensorType) -> Inferred:
        """The sizes along ``dim`` added. Raises ``Cause`` if another axis differs, or ``dim`` is free."""
        _expect_alike_axes(self, arrives)
        first = arrives[0]
        along = axis(self.dim, first, "Concat")
        for i in range(1, len(arrives)):
            for k, (a, b) in enumerate(zip(first.shape, arrives[i].shape, strict=True)):
                if a != b and k != along:
                    raise _clash(self, arrives, 0, i, k, "All axes but `dim` must be equal.")
        sizes = [size for x in arrives for size in expect_fixed(x, "Concat", slice(along, along + 1))]
        shape = (*first.shape[:along], sum(sizes), *first.shape[along + 1 :])
        return Inferred(TensorType(shape), how=f"{' + '.join(map(str, sizes))} = {sum(sizes)}")

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.cat`` along ``dim`` as a module."""
        from builder.runtime.network import wiring

        return wiring.Concat(self.dim)


@final
class Dot(Merging):
    """The inner product of two vectors: how far one points along the other.

    Inputs N×D and N×D, output N×1. A projection discriminator adds it to its score, with an embedding of the
    class and the features of the image.
    Source: torch.linalg.vecdot; Miyato & Koyama, "cGANs with projection discriminator" (2018).
    """

    snake = "dot"
    accepts = (
        Accepted("[features, embedded]", on=((5,), (5,))),
        Accepted("", on=((1,), (1,))),
    )
    rejects = (
        Rejected("[features]", 'expected a list of at least two names, found the list ["features"]'),
        Rejected("", "`Dot` merges two inputs, found 3", on=((4,), (4,), (4,))),
        Rejected("", "`Dot` needs an input of 1 axis (D), and N×4×2 arrives", on=((4, 2), (4, 2))),
        Rejected("", "`Dot` meets N×4 and N×5: 4 and 5 differ on axis 1", on=((4,), (5,))),
    )

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×D and N×D to N×1, D multiply-adds. Raises ``Cause`` for more inputs or other ranks."""
        if len(arrives) != 2:
            raise Cause(f"`Dot` merges two inputs, found {len(arrives)}", field="from")
        _expect_alike_axes(self, arrives)
        sizes = [expect_rank(x, "Dot", "D")[0] for x in arrives]
        if sizes[0] != sizes[1]:
            raise _clash(self, arrives, 0, 1, 0, "A `Linear` makes one as long as the other.")
        return Inferred(TensorType((1,)), multiply_adds=sizes[0])

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """One batched product of a row with a column: N×1×D by N×D×1."""
        from builder.runtime.network import wiring

        return wiring.Dot()


def _elementwise(layer: Merging, arrives: Sequence[TensorType]) -> Inferred:
    _expect_alike_axes(layer, arrives)
    shape = broadcast([x.shape for x in arrives])
    if shape is not None:
        return Inferred(TensorType(shape))
    for k in range(len(arrives[0].shape)):
        wide = [i for i, x in enumerate(arrives) if x.shape[k] != 1]
        for i in wide:
            if arrives[i].shape[k] != arrives[wide[0]].shape[k]:
                hint = "Sizes must be equal, or 1."
                if isinstance(layer, Add) and len(arrives[0].shape) == 3:
                    hint += " A 1×1 `Conv2d` of the right `out_channels` and `stride` makes them equal."
                raise _clash(layer, arrives, wide[0], i, k, hint)
    raise AssertionError("shapes that do not broadcast differ somewhere")


def _expect_alike_axes(layer: Merging, arrives: Sequence[TensorType]) -> None:
    name = type(layer).__name__
    if len(arrives) < 2:
        raise Cause(
            f"`{name}` merges two inputs or more, found {len(arrives)}",
            f"Name them: `{name}: [body, input]`.",
        )
    for x in arrives:
        expect_reals(x, name)
    rank = len(arrives[0].shape)
    for i, x in enumerate(arrives):
        if len(x.shape) != rank:
            raise Cause(
                f"`{name}` meets {_shown(layer, arrives, 0)} and {_shown(layer, arrives, i)}: "
                f"they have {rank} {'axis' if rank == 1 else 'axes'} and {len(x.shape)}"
            )


def _clash(layer: Merging, arrives: Sequence[TensorType], i: int, j: int, k: int, hint: str) -> Cause:
    return Cause(
        f"`{type(layer).__name__}` meets {_shown(layer, arrives, i)} and {_shown(layer, arrives, j)}: "
        f"{arrives[i].shape[k]} and {arrives[j].shape[k]} differ on axis {k + 1}",
        hint,
    )


def _shown(layer: Merging, arrives: Sequence[TensorType], i: int) -> str:
    named = layer.of is not None and len(layer.of) == len(arrives)
    return f"{arrives[i]} (`{layer.of[i]}`)" if named and layer.of else f"{arrives[i]}"

"""Shape arithmetic, with the sum that gives each size written out as a lecturer would on the board.

Shapes never hold the batch axis. An axis of free length (time) is its symbol, ``"T"``. Sources: the "Shape"
sections of torch.nn's pages; Dumoulin & Visin, "A guide to convolution arithmetic for deep learning" (2016).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from builder.errors import Cause

BYTES_PER_VALUE: Final = 4  # float32
DEFAULT_LIMIT_BYTES: Final = 4 << 30

Shape = tuple[int, ...]
Size = int | str  # of one axis: how long it is, or the symbol of a free one
SYMBOL: Final = re.compile(r"[A-Z][0-9]*\Z")
ALL_AXES: Final = slice(None)


@dataclass(frozen=True, slots=True)
class TensorType:
    """What flows along an edge: a shape without the batch axis; reals, or tokens below ``vocabulary``.

    The shape of one token for each example is ``()``.

    >>> str(TensorType(("T", 28)))
    'N×T×28'
    """

    shape: tuple[Size, ...]
    vocabulary: int | None = None

    def __str__(self) -> str:
        axes = "×".join(["N", *(str(size) for size in self.shape)])
        return axes if self.vocabulary is None else f"{axes} tokens of {self.vocabulary}"

    @property
    def size(self) -> int:
        """How many values one example has; per step of each free axis, if it has one."""
        return values(self.shape)

    @property
    def free(self) -> tuple[str, ...]:
        """The symbols of its free axes, in their order, each once.

        >>> TensorType(("T", 28)).free, TensorType((1, 28, 28)).free
        (('T',), ())
        """
        return tuple(dict.fromkeys(size for size in self.shape if isinstance(size, str)))

    def sized(self, steps: int) -> Shape:
        """The shape with every free axis ``steps`` long.

        >>> TensorType(("T", 28)).sized(5)
        (5, 28)
        """
        return tuple(steps if isinstance(size, str) else size for size in self.shape)

    def takes(self, given: TensorType) -> bool:
        """Whether values of ``given`` may arrive where this is wanted: a free axis takes any length.

        >>> free, fixed = TensorType(("T", 28)), TensorType((28, 28))
        >>> free.takes(fixed), fixed.takes(free)
        (True, False)
        """
        return (
            self.vocabulary == given.vocabulary
            and len(self.shape) == len(given.shape)
            and all(
                isinstance(ours, str) or ours == theirs
                for ours, theirs in zip(self.shape, given.shape, strict=True)
            )
        )

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether an example of ``shape`` is of this type: a free axis is of any length but 0.

        >>> TensorType(("T", 28)).fits((5, 28)), TensorType(("T", 28)).fits((5, 27))
        (True, False)
        """
        return len(shape) == len(self.shape) and all(
            length > 0 if isinstance(size, str) else length == size
            for size, length in zip(self.shape, shape, strict=True)
        )


def measured(inputs: Mapping[str, TensorType]) -> dict[str, str]:
    """Each free axis, and the input whose lengths tell how long each example is along it: the first that has it."""
    found: dict[str, str] = {}
    for name, kind in inputs.items():
        for free in kind.free:
            found.setdefault(free, name)
    return found


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a layer's rule says of one use of it.

    ``parameters`` and ``buffers`` give each tensor's shape under its name in ``state_dict()``;
    ``multiply_adds`` count one example; ``how`` is the arithmetic; ``sizes`` are the fields that follow from
    the input (``in_channels``); ``ports`` are the values it gives beside its output, a recurrent layer's
    final states. Where an axis is free, ``multiply_adds`` count one step of it; ``over`` is the free axis
    that the layer works along, for which it must know each example's length.
    """

    output: TensorType
    parameters: dict[str, Shape] = field(default_factory=dict)
    buffers: dict[str, Shape] = field(default_factory=dict)
    multiply_adds: int = 0
    how: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    ports: dict[str, TensorType] = field(default_factory=dict)
    over: str | None = None


class Sum(NamedTuple):
    """A size and the arithmetic that gave it."""

    value: int
    text: str


def window(
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int = 1,
    *,
    ceil: bool = False,
    dilated: bool = True,
) -> Sum:
    """How many places a window takes along one axis (Conv2d, pooling).

    With ``ceil`` the last window may hang over the end, but must start inside the input or its left padding.
    ``dilated`` says whether the layer has a dilation to show. Raises ``Cause`` if no window fits.

    >>> window(28, 5, 1, 2).text
    '⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28'
    >>> window(5, 2, 3, 1, ceil=True, dilated=False).text
    '⌈(5 + 2·1 − 2)/3⌉ + 1 − 1 = 2'
    """
    reach = f"{dilation}·({kernel} − 1) − 1" if dilated else f"{kernel}"
    left, right = ("⌈", "⌉") if ceil else ("⌊", "⌋")
    spare = size + 2 * padding - dilation * (kernel - 1) - 1
    value = (-(-spare // stride) if ceil else spare // stride) + 1
    if value < 1:
        padded = f" with {padding} padding on each side" if padding else ""
        raise Cause(
            f"the window of {dilation * (kernel - 1) + 1} is larger than the input of {size}{padded}",
            "Use a smaller kernel_size, or more padding, or pool less before.",
        )
    beyond = ""
    if ceil and (value - 1) * stride >= size + padding:
        value -= 1
        beyond = " − 1"  # the last window would see nothing of the input
    return Sum(value, f"{left}({size} + 2·{padding} − {reach})/{stride}{right} + 1{beyond} = {value}")


def both_axes(height: Sum, width: Sum) -> str:
    """The arithmetic of two axes, once if it is the same."""
    return height.text if height.text == width.text else f"{height.text}, {width.text}"


def count(shape: Shape) -> int:
    """How many values a tensor of ``shape`` has."""
    return math.prod(shape)


def values(shape: Sequence[Size]) -> int:
    """The product of the sizes, a free axis counting 1: what there is of each step.

    >>> values(("T", 4, 7))
    28
    """
    return math.prod(size for size in shape if isinstance(size, int))


def broadcast(shapes: Sequence[tuple[Size, ...]]) -> tuple[Size, ...] | None:
    """The shape of an elementwise operation, after NumPy's rule without the batch axis; None if they clash.

    A free axis meets itself, or a size of 1.

    >>> broadcast([(16, 8, 8), (16, 1, 1)]), broadcast([("T", 8), (1, 8)]), broadcast([("T", 8), (5, 8)])
    ((16, 8, 8), ('T', 8), None)
    """
    rank = max(len(shape) for shape in shapes)
    if any(len(shape) != rank for shape in shapes):
        return None
    axes: list[Size] = []
    for sizes in zip(*shapes, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            return None
        axes.append(wide.pop() if wide else 1)
    return tuple(axes)


def expect_reals(arrives: TensorType, layer: str) -> None:
    """Raises ``Cause`` if tokens arrive at a layer that needs real numbers."""
    if arrives.vocabulary is not None:
        raise Cause(f"`{layer}` needs real numbers, and {arrives} arrive", "Put an `Embedding` before it.")


def expect_rank(arrives: TensorType, layer: str, axes: str) -> Shape:
    """The shape of reals with the axes named in ``axes`` ("C, H, W"), none of them free, else ``Cause``."""
    expect_reals(arrives, layer)
    wanted = axes.count(",") + 1
    if len(arrives.shape) != wanted:
        hint = None
        if wanted > len(arrives.shape) == 1:
            hint = "After a `Flatten` there are no more rows and columns."
        needed = f"{wanted} axis" if wanted == 1 else f"{wanted} axes"
        raise Cause(f"`{layer}` needs an input of {needed} ({axes}), and {arrives} arrives", hint)
    return expect_fixed(arrives, layer)


def expect_fixed(arrives: TensorType, layer: str, axes: slice = ALL_AXES) -> Shape:
    """The sizes of ``axes``. Raises ``Cause`` if one of them is free.

    >>> expect_fixed(TensorType(("T", 28)), "Linear", slice(1, None))
    (28,)
    """
    sizes: list[int] = []
    for size in arrives.shape[axes]:
        if isinstance(size, str):
            raise Cause(
                f"`{layer}` over the free axis {size} of {arrives}: each example has another length there",
                "`Mean`, `Max`, `Select: -1` or a recurrent layer with `output: last` make it one vector.",
            )
        sizes.append(size)
    return tuple(sizes)


def axis(dim: int, arrives: TensorType, layer: str, field: str = "dim") -> int:
    """The place in ``arrives.shape`` of the axis that torch calls ``dim``.

    torch counts the batch axis as 0, and from the end with negative numbers. Raises ``Cause`` at the batch
    axis, along which examples would mix, and outside the axes there are.

    >>> axis(1, TensorType((16, 5, 5)), "Softmax"), axis(-1, TensorType((16, 5, 5)), "Softmax")
    (0, 2)
    """
    last = len(arrives.shape)
    counted = dim if dim >= 0 else dim + last + 1
    if counted == 0:
        raise Cause(
            f"`{field}: {dim}` is the batch axis, along which `{layer}` would mix the examples",
            "The batch axis counts as 0, as in PyTorch: an example's own axes start at 1.",
            field=field,
        )
    if not 0 < counted <= last:
        raise Cause(
            f"`{field}` is {dim}, and {arrives} has no such axis",
            f"An example's own axes are 1 to {last}, or -{last} to -1 from the end.",
            field=field,
        )
    return counted - 1

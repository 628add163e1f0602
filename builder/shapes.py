"""Shape arithmetic, with the sum that gives each size written out as a lecturer would on the board.

Shapes never hold the batch axis. Sources: the "Shape" sections of torch.nn's pages; Dumoulin & Visin,
"A guide to convolution arithmetic for deep learning" (2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from builder.errors import Cause

BYTES_PER_VALUE: Final = 4  # float32
DEFAULT_LIMIT_BYTES: Final = 4 << 30

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorType:
    """What flows along an edge: a shape without the batch axis; reals, or tokens below ``vocabulary``."""

    shape: Shape
    vocabulary: int | None = None

    def __str__(self) -> str:
        axes = "×".join(["N", *(str(size) for size in self.shape)])
        return axes if self.vocabulary is None else f"{axes} tokens of {self.vocabulary}"

    @property
    def size(self) -> int:
        """How many values one example has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a layer's rule says of one use of it.

    ``parameters`` and ``buffers`` give each tensor's shape under its name in ``state_dict()``;
    ``multiply_adds`` count one example; ``how`` is the arithmetic; ``sizes`` are the fields that follow from
    the input (``in_channels``).
    """

    output: TensorType
    parameters: dict[str, Shape] = field(default_factory=dict)
    buffers: dict[str, Shape] = field(default_factory=dict)
    multiply_adds: int = 0
    how: str = ""
    sizes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sum:
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


def broadcast(shapes: list[Shape]) -> Shape | None:
    """The shape of an elementwise operation, after NumPy's rule without the batch axis; none if they clash.

    >>> broadcast([(16, 8, 8), (16, 1, 1)])
    (16, 8, 8)
    """
    rank = max(len(shape) for shape in shapes)
    if any(len(shape) != rank for shape in shapes):
        return None
    axes = []
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


def expect_rank(arrives: TensorType, layer: str, axes: str) -> None:
    """Raises ``Cause`` unless reals arrive with the axes named in ``axes`` ("C, H, W")."""
    expect_reals(arrives, layer)
    wanted = axes.count(",") + 1
    if len(arrives.shape) != wanted:
        hint = None
        if wanted > len(arrives.shape) == 1:
            hint = "After a `Flatten` there are no more rows and columns."
        raise Cause(f"`{layer}` needs an input of {wanted} axes ({axes}), and {arrives} arrives", hint)


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

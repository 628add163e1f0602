"""The shape rule that Conv2d and ConvTranspose2d share: learned kernels over an image, in groups of channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from builder.errors import Cause
from builder.fields import pair
from builder.shapes import Inferred, Shape, Sum, TensorType, both_axes, count, expect_rank


class Kernels(Protocol):
    """The fields that the rule reads; each layer type spells its own, in the order of torch's signature."""

    @property
    def out_channels(self) -> int:
        """How many channels the output has; a multiple of ``groups``."""

    @property
    def kernel_size(self) -> int | tuple[int, ...]:
        """One number for both axes, or height and width."""

    @property
    def groups(self) -> int:
        """How many groups of channels are convolved apart from each other."""

    @property
    def bias(self) -> bool:
        """Whether a learned number is added to each output channel."""


def over_image(
    kernels: Kernels, x: TensorType, axis: Callable[[int, int], Sum], *, transposed: bool = False
) -> Inferred:
    """C×H×W to out_channels×H'×W', where ``axis(size, i)`` is the length of H' (i = 0) or W' (i = 1).

    Each weight counts once wherever its kernel stands: at every value of the output; ``transposed``, at every
    value of the input, and its first axis is then that of the channels that arrive. Raises ``Cause``.
    """
    channels, *size = expect_rank(x, type(kernels).__name__, "C, H, W")
    for found, what in (
        (channels, f"the {channels} channels that arrive"),
        (kernels.out_channels, f"`out_channels` {kernels.out_channels}"),
    ):
        if found % kernels.groups:
            raise Cause(f"`groups` is {kernels.groups}, which does not divide {what}", field="groups")
    height, width = (axis(size[i], i) for i in (0, 1))
    first, second = (channels, kernels.out_channels) if transposed else (kernels.out_channels, channels)
    weight = (first, second // kernels.groups, *pair(kernels.kernel_size))
    weights = count(weight)
    parameters: dict[str, Shape] = {"weight": weight}
    total = f"{weight[0]}·({weight[1]}·{weight[2]}·{weight[3]})"
    if kernels.bias:
        parameters["bias"] = (kernels.out_channels,)
        total = f"{total} + {kernels.out_channels} = {weights + kernels.out_channels}"
    else:
        total = f"{total} = {weights}"
    return Inferred(
        TensorType((kernels.out_channels, height.value, width.value)),
        parameters,
        multiply_adds=weights * (size[0] * size[1] if transposed else height.value * width.value),
        how=f"{both_axes(height, width)};  {total}",
        sizes={"in_channels": channels},
    )

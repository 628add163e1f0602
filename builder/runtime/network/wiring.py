"""The modules of layers that torch.nn has only as functions: they merge inputs into one, or spread one out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

import torch
from torch import Tensor, nn
from torch.nn import functional


class Add(nn.Module):
    """The sum of all inputs, from left to right."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs that broadcast to one shape; one input is returned as it is."""
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total


class Multiply(nn.Module):
    """The elementwise product of all inputs, from left to right."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs that broadcast to one shape; one input is returned as it is."""
        product = inputs[0]
        for x in inputs[1:]:
            product = product * x
        return product


class Concat(nn.Module):
    """All inputs side by side along ``dim``; 0 is the batch axis."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs that are equal in all axes but ``dim``."""
        return torch.cat(inputs, self.dim)

    def extra_repr(self) -> str:
        """``dim=1``."""
        return f"dim={self.dim}"


class Dot(nn.Module):
    """N×D and N×D to their inner products, N×1."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """One product of N×1×D with N×D×1."""
        return (a.unsqueeze(1) @ b.unsqueeze(2)).squeeze(2)


class Tile(nn.Module):
    """N×C to N×C×H×W, the same at each of the ``size`` H×W places."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size: Final = size

    def forward(self, x: Tensor) -> Tensor:
        """A view of x that is repeated without copies."""
        return x[:, :, None, None].expand(-1, -1, *self.size)

    def extra_repr(self) -> str:
        """``size=(4, 4)``."""
        return f"size={self.size}"


class OneHot(nn.Module):
    """N×… tokens (int64) to N×…×num_classes, of the dtype that the module was moved to."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes: Final = num_classes
        self.dtype = torch.get_default_dtype()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What ``double()`` and ``to()`` call: there is no weight whose dtype could be asked."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.dtype = fn(torch.empty((), dtype=self.dtype)).dtype
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Raises torch's ``RuntimeError``, on the CPU, for a token of ``num_classes`` or more."""
        return functional.one_hot(x, self.num_classes).to(self.dtype)

    def extra_repr(self) -> str:
        """``num_classes=10``."""
        return f"num_classes={self.num_classes}"


class MinibatchStdDev(nn.Module):
    """N×C×… to N×(C + 1)×…: the standard deviation over a group of examples, the mean of all values' ones.

    Groups are written as rows of examples, the last of them filled up with zeros that do not count: any batch
    size can be exported.

    Four examples in two groups. Of the first and third, (1, 5) and (3, 5), the deviations are 1 and 0, their mean
    0.5; of the others, (2, 2) and (2, 6), they are 0 and 2. The ε under the root adds less than 0.0001:

    >>> x = torch.tensor([[1.0, 5.0], [2.0, 2.0], [3.0, 5.0], [2.0, 6.0]]).double()
    >>> MinibatchStdDev(group_size=2)(x).round(decimals=3).tolist()
    [[1.0, 5.0, 0.5], [2.0, 2.0, 1.0], [3.0, 5.0, 0.5], [2.0, 6.0, 1.0]]
    """

    def __init__(self, group_size: int) -> None:
        super().__init__()
        self.group_size: Final = group_size

    def forward(self, x: Tensor) -> Tensor:
        """The input with one channel more, which has the same value at all places of an example."""
        batch = x.shape[0]
        groups = (batch + self.group_size - 1) // self.group_size
        rows = (batch + groups - 1) // groups
        flat = x.flatten(1)
        members = functional.pad(flat, (0, 0, 0, rows * groups - batch)).reshape(rows, groups, flat.shape[1])
        places = torch.arange(rows * groups, device=x.device).reshape(rows, groups, 1)
        real = (places < batch).to(x.dtype)
        each = real.sum(0)
        away = (members - members.sum(0) / each) * real
        variance = (away.square().sum(0) + 1e-8 * each) / each  # a bare + 1e-8 is left out by the exporter
        deviation = variance.sqrt().mean(1).repeat(rows)[:batch]
        return torch.cat([x, deviation.reshape(-1, *(1 for _ in x.shape[1:])).expand(-1, 1, *x.shape[2:])], 1)

    def extra_repr(self) -> str:
        """``group_size=4``."""
        return f"group_size={self.group_size}"

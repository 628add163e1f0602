"""The modules that reduce one axis; along steps only those within each example's length count."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from builder.runtime.network.masks import valid_along


class Mean(nn.Module):
    """The mean along ``dim``. ``lengths`` are int64, N, each at least 1; None: all steps are real.

    >>> Mean(1)(torch.tensor([[1.0, 2.0, 6.0], [4.0, 6.0, 0.0]]), torch.tensor([3, 2])).tolist()
    [3.0, 5.0]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim: Final = dim

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The sum of the steps within each length, divided by it; a length of 0 counts as 1."""
        if lengths is None:
            return x.mean(self.dim)
        total = x.masked_fill(~valid_along(x, lengths, self.dim), 0).sum(self.dim)
        return total / lengths.to(x).clamp(min=1).reshape(-1, *(1 for _ in total.shape[1:]))

    def extra_repr(self) -> str:
        """``dim=1``."""
        return f"dim={self.dim}"


class Max(nn.Module):
    """The largest value along ``dim``; ``lengths`` as ``Mean``'s."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim: Final = dim

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The steps past each length are −∞; without any step the result is −∞."""
        if lengths is not None:
            x = x.masked_fill(~valid_along(x, lengths, self.dim), -torch.inf)
        return x.amax(self.dim)

    def extra_repr(self) -> str:
        """``dim=1``."""
        return f"dim={self.dim}"


class Select(nn.Module):
    """The place ``index`` of ``dim``; with ``lengths``, -1 is each example's own last step."""

    def __init__(self, dim: int, index: int) -> None:
        super().__init__()
        self.dim: Final = dim
        self.index: Final = index

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Without ``lengths``, and for places from the start, plain ``select``; else a gather of N places."""
        if lengths is None or self.index >= 0:
            return x.select(self.dim, self.index)
        last = (lengths.to(x.device) - 1).clamp(min=0).reshape(-1, *(1 for _ in x.shape[1:]))
        shape = [*x.shape]
        shape[self.dim] = 1
        return x.gather(self.dim, last.expand(shape)).squeeze(self.dim)

    def extra_repr(self) -> str:
        """``dim=1, index=-1``."""
        return f"dim={self.dim}, index={self.index}"

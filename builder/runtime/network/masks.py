"""Which steps of padded sequences are real. Lengths are int64, N; padding stands at the end."""

from __future__ import annotations

import torch
from torch import Tensor


def lengths_of_steps(x: Tensor, lengths: Tensor | None, input_size: int) -> Tensor | None:
    """The lengths that a recurrent layer uses: None for an empty batch.

    Raises ``ValueError`` unless ``x`` is N×T×``input_size`` with T at least 1. Nothing is checked during
    an export, where T has no value.
    """
    if torch.compiler.is_exporting():
        return lengths
    if x.ndim != 3 or x.shape[2] != input_size:
        raise ValueError(f"expected N×T×{input_size}, found {'×'.join(map(str, x.shape))}")
    if not x.shape[1]:
        raise ValueError("expected sequences of at least one step, found none")
    return lengths if len(x) else None


def valid_steps(x: Tensor, lengths: Tensor | None, dim: int = 1) -> Tensor:
    """N×T, true where a step of ``x`` is real; ``dim`` is the axis of steps."""
    if lengths is None:
        return torch.ones(x.shape[0], x.shape[dim], dtype=torch.bool, device=x.device)
    steps = torch.arange(x.shape[dim], device=x.device)
    return steps < lengths.to(x.device)[:, None]


def valid_along(x: Tensor, lengths: Tensor, dim: int) -> Tensor:
    """The same, with an axis of 1 for every other axis of ``x``, so that it broadcasts."""
    shape = [1] * x.ndim
    shape[0], shape[dim] = x.shape[0], x.shape[dim]
    return valid_steps(x, lengths, dim).reshape(shape)


def reversed_by_length(x: Tensor, lengths: Tensor | None) -> Tensor:
    """N×T×… with each sequence's own steps in reverse, and its padding where it was.

    >>> x = torch.tensor([[1, 2, 3], [4, 5, 0]])
    >>> reversed_by_length(x, torch.tensor([3, 2])).tolist()
    [[3, 2, 1], [5, 4, 0]]
    """
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    ends = lengths.to(x.device)[:, None]
    order = torch.where(steps < ends, ends - 1 - steps, steps)
    return x.gather(1, order.reshape(*order.shape, *(1 for _ in x.shape[2:])).expand(x.shape))

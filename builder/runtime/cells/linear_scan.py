"""h[t] = a[t]·h[t−1] + b[t] over time, value by value, and its backward, which is the same scan reversed.

On a processor a plain loop of fused multiply-adds; its rule needs no product of many factors, so that nothing
under- or overflows. On a GPU, where launches are the cost, a scan in ⌈log₂ T⌉ rounds (Hillis & Steele 1986).

Four steps of one value from h = 1, step by step 2·1 + 1 = 3, 0·3 + 1 = 1, 3·1 + 0 = 3, −1·3 + 2 = −1:

    >>> a, b = (torch.tensor(row).reshape(4, 1, 1) for row in ([2.0, 0.0, 3.0, -1.0], [1.0, 1.0, 0.0, 2.0]))
    >>> first = torch.ones(1, 1)
    >>> linear_scan(a, b, first).flatten().tolist()
    [3.0, 1.0, 3.0, -1.0]

In rounds each step holds a line h ↦ product·h + rests over the steps up to it, and a line after a line is a line:
(p, f) after (q, e) is (p·q, p·e + f). Two rounds reach over four steps:

    start    rests 3, 1, 0, 2     product 2, 0, 3, −1    (the first step has taken h = 1 in)
    round 1  rests 3, 1, 3, 2     product 2, 0, 0, −3    with the step before
    round 2  rests 3, 1, 3, −1    product 2, 0, 0, 0     with two steps before

    >>> _doubled(a, b, first).flatten().tolist()
    [3.0, 1.0, 3.0, -1.0]

Backwards from a loss that is the sum of all four, the adjoint g[t] = 1 + a[t+1]·g[t+1] is the same scan from the end:
g = 1, then 1 − 1·1 = 0, 1 + 3·0 = 1, 1 + 0·1 = 1. That is the gradient of b; of a it is g[t]·h[t−1], of the
first value g[0]·a[0]:

    >>> leaves = [leaf.requires_grad_() for leaf in (a, b, first)]
    >>> [gradient.flatten().tolist() for gradient in torch.autograd.grad(linear_scan(*leaves).sum(), leaves)]
    [[1.0, 3.0, 0.0, 3.0], [1.0, 1.0, 0.0, 1.0], [2.0]]
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from builder.runtime.cells.loop_forward import run


def linear_scan(factor: Tensor, rest: Tensor, first: Tensor) -> Tensor:
    """All h[t], T×N×H, from a, b (T×N×H) and what stands before the first step, N×H."""
    return _LinearScan.apply(factor, rest, first)  # type: ignore[no-any-return]


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, factor: Tensor, rest: Tensor, first: Tensor) -> Tensor:
        states = _scanned(factor, rest, first)
        ctx.save_for_backward(factor, first, states)
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        factor, first, states = ctx.saved_tensors
        # The adjoint obeys g[t] = a[t+1]·g[t+1] + gradient[t]. Plain calls on tensors: it can be derived again.
        later = torch.cat((factor[1:], torch.zeros_like(factor[:1]))).flip(0)
        zero = torch.zeros_like(first)
        adjoint = linear_scan(later, gradient.flip(0), zero).flip(0)
        before = torch.cat((first[None], states[:-1]))
        return adjoint * before, adjoint, adjoint[0] * factor[0]


def _scanned(factor: Tensor, rest: Tensor, first: Tensor) -> Tensor:
    if factor.is_cuda:
        return _doubled(factor, rest, first)
    states = torch.empty_like(rest)
    cuts = states.unbind()
    run([map(_step, cuts, rest.unbind(), factor.unbind(), (first, *cuts[:-1]))])
    return states


def _step(out: Tensor, rest: Tensor, factor: Tensor, before: Tensor) -> None:
    torch.addcmul(rest, factor, before, out=out)


def _doubled(factor: Tensor, rest: Tensor, first: Tensor) -> Tensor:
    """After round k, each step holds the composition of the 2ᵏ steps up to it."""
    rests = rest.clone()
    rests[0].addcmul_(factor[0], first)
    product = factor.clone()
    reach = 1
    while reach < len(rests):
        rests[reach:] = torch.addcmul(rests[reach:], product[reach:], rests[:-reach])
        product[reach:] = product[reach:] * product[:-reach]
        reach *= 2
    return rests

"""A cell as one `scan` over time: what others' exporters are given, with free batch and time.

``builder.runtime.export.export`` does without: tracing a step in torch takes about ten seconds (see ``onnx_scan``).
Source: torch's ``scan`` operator, right in eager mode and under ``torch.export`` (not under Inductor), and
https://onnx.ai/onnx/operators/onnx__Scan.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch._higher_order_ops import scan

from builder.cells.cell import Cell
from builder.runtime.cells.plain import hidden_size, step
from builder.runtime.network.masks import reversed_by_length, valid_steps


def scanned(
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor] = (),
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What ``plain_cell.unrolled`` gives, for the same arguments, without unrolling."""
    names = cell.state_names
    first = states or [x.new_zeros((x.shape[0], hidden_size(cell, weights, x)))] * len(names)
    inside = valid_steps(x, lengths).mT[:, :, None].clone()
    if reverse:
        x = reversed_by_length(x, lengths)

    def body(carried: tuple[Tensor, ...], now: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
        x_t, inside_t = now
        made = step(cell, weights, x_t, dict(zip(names, carried, strict=True)))
        kept = tuple(torch.where(inside_t, made[name], old) for name, old in zip(names, carried, strict=True))
        return kept, torch.where(inside_t, made[cell.output], 0.0)

    # No two of a scan's arguments may share memory, nor may what it returns.
    final, outputs = scan(body, tuple(state.clone() for state in first), (x.transpose(0, 1).clone(), inside))
    sequence = outputs.transpose(0, 1)
    return (reversed_by_length(sequence, lengths) if reverse else sequence), tuple(final)

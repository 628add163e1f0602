"""A network's outputs on whole parts of data, and how good they are."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import torch
from torch import Tensor

from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.data.splits import Batch, Part
from builder.runtime.network.masks import valid_steps
from builder.runtime.network.memory_format import channels_last
from builder.runtime.network.module import Network, examples_at_once, inputs_of, outputs_of
from builder.training.section import Train

PLAIN: Final = Preprocessing()


def measure(
    network: Network,
    part: Part,
    train: Train,
    prefix: str,
    precision: AbstractContextManager[Any] | None = None,
    preprocessing: Preprocessing = PLAIN,
) -> dict[str, float]:
    """Loss and metrics on examples as they arrive at the network, keys beginning with ``prefix``.

    Where there is a target per step, every real step counts as one, and padding not at all. A loss of
    ``reduction: sum`` is given per target, so that parts of different size compare. Metrics of a forecast are
    in the units of its source.
    """
    (output,) = outputs(network, part.x, precision, part.lengths).values()
    return _figures(output, part, train, prefix, preprocessing)


def naive(part: Part, train: Train, prefix: str, preprocessing: Preprocessing) -> dict[str, float]:
    """The same figures of the naive forecast, which says that the last value seen stays: ``<prefix>_naive_…``.

    Empty where nothing is forecast.
    """
    if not preprocessing.forecast:
        return {}
    last = part.x if part.per_step else part.x[:, -1]
    return _figures(last.expand_as(part.y), part, train, f"{prefix}_naive", preprocessing)


def _figures(
    output: Tensor, part: Part, train: Train, prefix: str, preprocessing: Preprocessing
) -> dict[str, float]:
    batch = Batch(part.x, part.y.to(output.device), part.lengths)
    output, target = scored(output, batch, part.per_step)
    loss = train.loss.build(output.device)(output, target)
    figures = {f"{prefix}_loss": float(loss) / (len(target) if sums(train) else 1)}
    values, targets = (preprocessing.in_units(values).cpu().numpy() for values in (output, target))
    for metric in train.metrics:
        figures[f"{prefix}_{type(metric).__name__}"] = metric.of(values, targets)
    return figures


def scored(output: Tensor, batch: Batch, per_step: bool) -> tuple[Tensor, Tensor]:
    """Outputs and targets as a loss takes them, one row for each target.

    Those per step, N×T×…, become M×…, M being the number of real steps of all sequences: padding is left out,
    so no loss and no metric need know of it.
    """
    if not per_step:
        return output, batch.y
    if batch.lengths is None:
        return output.flatten(0, 1), batch.y.flatten(0, 1)
    real = valid_steps(batch.y, batch.lengths)
    return output[real], batch.y[real]


def outputs(
    network: Network,
    x: Tensor,
    precision: AbstractContextManager[Any] | None = None,
    lengths: Tensor | None = None,
) -> dict[str, Tensor]:
    """All outputs, in float32 and ``eval`` mode, on the network's device; the mode is left as it was.

    ``lengths`` are those of padded sequences; the outputs are padded alike.
    """
    training = network.training
    device = next((p.device for p in network.parameters()), x.device)
    (kind,) = inputs_of(network).values()
    steps = x.shape[1] if kind.free else 1  # what fits into one pass is known per step of a free axis
    size = max(1, examples_at_once(network) // steps)
    parts: list[dict[str, Tensor]] = []
    network.eval()
    try:
        with torch.inference_mode(), precision or nullcontext():
            for start in range(0, len(x), size):
                here = slice(start, start + size)
                batch = channels_last(x[here].to(device))
                output = network(batch) if lengths is None else network(batch, lengths[here])
                parts.append(output if isinstance(output, dict) else {outputs_of(network)[0]: output})
            return {name: torch.cat([part[name] for part in parts]).float() for name in outputs_of(network)}
    finally:
        network.train(training)


def sums(train: Train) -> bool:
    """Whether the loss sums over a batch instead of averaging."""
    return getattr(train.loss, "reduction", "mean") == "sum"


def numbers(figures: dict[str, float]) -> dict[str, float | None]:
    """The figures as JSON can hold them: None for NaN and the infinities."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}

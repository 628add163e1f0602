"""A network's outputs on whole parts of data, and how good they are."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from builder.runtime.module import Network, examples_at_once, outputs_of
from builder.training.section import Train


def measure(
    network: Network,
    x: Tensor,
    y: Tensor,
    train: Train,
    prefix: str,
    precision: AbstractContextManager[Any] | None = None,
) -> dict[str, float]:
    """Loss and metrics on examples as they arrive at the network, keys beginning with ``prefix``.

    A loss of ``reduction: sum`` is given per example, so that parts of different size compare.
    """
    (output,) = outputs(network, x, precision).values()
    loss = train.loss.build(output.device)(output, y.to(output.device))
    values, targets = output.cpu().numpy(), y.cpu().numpy()
    figures = {f"{prefix}_loss": float(loss) / (len(y) if sums(train) else 1)}
    for metric in train.metrics:
        figures[f"{prefix}_{type(metric).__name__}"] = metric.of(values, targets)
    return figures


def outputs(
    network: Network, x: Tensor, precision: AbstractContextManager[Any] | None = None
) -> dict[str, Tensor]:
    """All outputs, in float32 and ``eval`` mode, on the network's device; the mode is left as it was."""
    training = network.training
    device = next((p.device for p in network.parameters()), x.device)
    parts: list[dict[str, Tensor]] = []
    network.eval()
    try:
        with torch.inference_mode(), precision or nullcontext():
            for batch in torch.split(x, examples_at_once(network)):
                found = network(channels_last(batch.to(device)))
                parts.append(found if isinstance(found, dict) else {outputs_of(network)[0]: found})
            return {name: torch.cat([part[name] for part in parts]).float() for name in outputs_of(network)}
    finally:
        network.train(training)


def channels_last(x: Tensor) -> Tensor:
    """Images with their channels innermost in memory, which convolutions run on faster; the values stay.

    One channel is laid out so too: its stride must say it, or torch takes the slow path.
    """
    if x.dim() != 4:
        return x
    if x.shape[1] == 1:
        return x.reshape(x.shape[0], x.shape[2], x.shape[3], 1).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last)


def sums(train: Train) -> bool:
    """Whether the loss sums over a batch instead of averaging."""
    return getattr(train.loss, "reduction", "mean") == "sum"


def numbers(figures: dict[str, float]) -> dict[str, float | None]:
    """The figures as JSON can hold them: none where one is no number."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}

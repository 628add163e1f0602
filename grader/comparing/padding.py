"""Lengths along free axes, inside a worker: told to the network, and what stands beyond them never looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.shapes import TensorType
from builder.spec.graph import Graph
from grader.comparing.injection import LENGTHS
from grader.exchange import Task

if TYPE_CHECKING:
    from torch import Tensor


class Padding:
    """The lengths of a task (``lengths.T``, N whole numbers), for the network of ``graph``."""

    def __init__(self, task: Task, graph: Graph) -> None:
        import torch

        self._lengths = {
            name.removeprefix("lengths."): torch.from_numpy(array)
            for name, array in task.arrays.items()
            if name.startswith("lengths.")
        }
        self._inputs = graph.lengths

    @property
    def given(self) -> dict[str, Tensor]:
        """The lengths as the network takes them, by name."""
        return {
            f"{self._inputs[symbol]}{LENGTHS}": lengths
            for symbol, lengths in self._lengths.items()
            if symbol in self._inputs
        }

    def cleared(self, value: Tensor, kind: TensorType) -> Tensor:
        """The value N×… of that type, zero wherever a step is padding."""
        import torch

        for axis, symbol in enumerate(kind.shape, start=1):
            if isinstance(symbol, str) and symbol in self._lengths:
                shape = [1] * value.ndim
                shape[0], shape[axis] = value.shape[0], value.shape[axis]
                steps = torch.arange(value.shape[axis])
                inside = (steps < self._lengths[symbol][:, None]).reshape(shape)
                value = torch.where(inside, value, 0)
        return value

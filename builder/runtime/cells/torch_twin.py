"""torch's recurrent layers as equations with the same weights, so that their insides can be seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from builder.cells.cell import Cell
from builder.cells.meaning.recognition import PACKED, Kind, torch_cells
from builder.errors import RunError
from builder.runtime.cells.module import CellModule


def kind_of(layer: nn.RNNBase) -> Kind:
    """Which of torch's layers it is."""
    (kind,) = (kind for kind in torch_cells() if kind == layer.mode)
    return kind


def twin(layer: nn.RNNBase, output: str = "sequence") -> CellModule:
    """A module of equations with the layer's weights, which gives what the layer gives; without dropout.

    ``output`` is ``sequence`` or ``last``. Raises ``RunError`` for a layer with ``proj_size``: its state is
    narrower than its gates.
    """
    if layer.proj_size:
        raise RunError(
            "an `LSTM` with `proj_size` cannot be followed through its gates",
            "Leave `proj_size` out to look inside.",
        )
    cell = torch_cells()[kind_of(layer)]
    made = CellModule(
        cell,
        layer.input_size,
        layer.hidden_size,
        layer.num_layers,
        layer.bidirectional,
        output="last" if output == "last" else "sequence",
        way="plain",
    )
    weights = _weights(cell, layer)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.copy_(weights.get(name, torch.zeros(())))  # without `bias`, biases are zero
    some = next(layer.parameters())
    return made.to(some.device, some.dtype)


def _weights(cell: Cell, layer: nn.RNNBase) -> dict[str, Tensor]:
    """The layer's weights under the names of the cell's module; torch's gates are rows of one array."""
    owners = list(dict.fromkeys(name.partition(".")[0] for name in cell.parameters))
    single = layer.num_layers == 1 and not layer.bidirectional
    weights: dict[str, Tensor] = {}
    for name, array in layer.named_parameters():
        part, _, place = name.rpartition("_l")
        for owner, rows in zip(owners, array.chunk(len(owners)), strict=True):
            weights[f"{'' if single else f'l{place}.'}{owner}.{PACKED[part]}"] = rows
    return weights

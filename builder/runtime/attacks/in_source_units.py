"""A network as a function of its source's examples: the affine preprocessing is part of what is attacked.

An attack's distance is in the source's units, so it must not matter whether a network scales its input by ten:
gradients go through the scaling, and the bounds are the source's own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from builder.data.transforms.transform import Range
from builder.runtime.data.preprocessing import Preprocessing, per_channel
from builder.runtime.network.memory_format import channels_last


class Sourced(nn.Module):
    """Affine preprocessing, then the network: takes examples after geometry, in the source's units.

    ``bounds`` are the source's declared range: where examples, attacked or not, may lie. The network is a
    submodule, shared and not copied; its mode is this module's. Differentiable; it gives, bit for bit, what the
    network gives for what ``Preprocessing`` makes of the same examples. Under ``precision`` (torch.autocast) the
    output is float32 all the same.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        bounds: Range,
        precision: AbstractContextManager[Any] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.bounds = bounds
        self._precision = precision
        self._plain = preprocessing.is_identity
        device = next((p.device for p in network.parameters()), None)
        for name in ("scale", "shift"):
            values = torch.tensor(getattr(preprocessing, name), dtype=torch.float64, device=device)
            self.register_buffer(name, values, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The network's output for examples N×… in the source's units."""
        logits: Tensor
        if self._precision is None:
            logits = self.network(channels_last(self.arriving(x)))
            return logits
        with self._precision:
            logits = self.network(channels_last(self.arriving(x)))
        return logits.float()

    def arriving(self, x: Tensor) -> Tensor:
        """What arrives at the network, for examples in the source's units."""
        if self._plain:
            return x
        scale, shift = (per_channel(values.to(x.dtype), x) for values in (self.scale, self.shift))
        return x * scale + shift

    def in_source_units(self, x: Tensor) -> Tensor:
        """Examples that arrive at the network, in the source's units again, within its bounds."""
        if not self._plain:
            scale, shift = (per_channel(values.to(x.dtype), x) for values in (self.scale, self.shift))
            x = (x - shift) / scale
        return x.clamp(*self.bounds)

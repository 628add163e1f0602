"""What BatchNorm and InstanceNorm share: a mean and a variance of each channel, learned or kept."""

from __future__ import annotations

from typing import Any, final

from builder.fields import Count, Flag, Positive, Probability
from builder.layers.layer import Layer
from builder.shapes import Inferred, Shape, TensorType


class ChannelNorm(Layer):
    """A normalisation that scales and shifts each channel, with the argument names of ``torch.nn``."""

    main = "num_features"

    eps: Positive = 1e-5
    momentum: Probability | None = 0.1
    affine: Flag = True
    track_running_stats: Flag = True
    bias: Flag = True
    num_features: Count | None = None

    @final
    def of_channels(self, x: TensorType, channels: int) -> Inferred:
        """The shape stays: a weight and a bias of each channel, and their running statistics as buffers."""
        names = ("weight", "bias") if self.bias else ("weight",)
        parameters: dict[str, Shape] = dict.fromkeys(names, (channels,)) if self.affine else {}
        buffers: dict[str, Shape] = {}
        if self.track_running_stats:
            buffers = {"running_mean": (channels,), "running_var": (channels,), "num_batches_tracked": ()}
        total = len(parameters) * channels
        return Inferred(
            x,
            parameters,
            buffers,
            how=f"{len(parameters)}·{channels} = {total}" if parameters else "",
            sizes={"num_features": channels},
        )

    @final
    def torch_arguments(self, sizes: dict[str, int]) -> dict[str, Any]:
        """What torch's class of the same name is made with."""
        arguments = self.arguments(sizes)
        if self.bias:
            del arguments["bias"]  # torch's default, and an argument that earlier releases do not have
        return arguments

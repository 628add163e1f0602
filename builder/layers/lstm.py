"""LSTM: c_t = f ⊙ c_(t−1) + i ⊙ g, h_t = o ⊙ tanh(c_t), each gate of x_t and h_(t−1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Natural
from builder.layers.shared.recurrent import TorchRecurrent
from builder.shapes import Inferred, TensorType

if TYPE_CHECKING:
    from torch import nn


@final
class LSTM(TorchRecurrent):
    """Long short-term memory: gates i, f, g, o (in this order in the weights) guard what is kept.

    Input N×T×input_size, output N×T×(D·hidden_size), or N×(D·hidden_size) with `output: last`. Its states
    are `h`, the output, and `c`. With `proj_size` the output is projected to that many values. T may be
    free: past a sequence's own end the output is zero.
    Source: torch.nn.LSTM; Hochreiter & Schmidhuber (1997); Gers et al. (2000) for the forget gate; Sak et
    al. (2014) for `proj_size`.
    """

    snake = "lstm"
    gates = 4
    accepts = (
        Accepted("4", on=(("T", 3),)),
        Accepted("{hidden_size: 4, output: last, bias: false, input_size: 3}", on=(("T", 3),)),
        Accepted("{hidden_size: 4, num_layers: 2, dropout: 0.5, bidirectional: true}", on=((5, 3),)),
        Accepted("{hidden_size: 4, proj_size: 2, num_layers: 2, bidirectional: true}", on=((5, 3),)),
    )
    rejects = (
        Rejected("{num_layers: 2}", "`LSTM` needs `hidden_size`"),
        Rejected("{hidden_size: 4, output: all}", 'expected `sequence` or `last`, found the text "all"'),
        Rejected(
            "{hidden_size: 4, dropout: 0.2}",
            "`dropout` acts between the layers of `LSTM`, and `num_layers` is 1",
            on=(("T", 3),),
        ),
        Rejected(
            "{hidden_size: 4, proj_size: 4}",
            "`proj_size` is 4, which is not below `hidden_size`, 4",
            on=(("T", 3),),
        ),
        Rejected(
            "{hidden_size: 4, input_size: 5}",
            "`input_size` is written as 5, but 3 arrive",
            on=(("T", 3),),
        ),
        Rejected("4", "`LSTM` needs a sequence of 2 axes (T, features), and N×28 arrives", on=((28,),)),
    )

    proj_size: Natural = 0

    @property
    def states(self) -> dict[str, int]:
        """``h``, of ``proj_size`` values if that is not 0, and the cell's state ``c``."""
        return {"h": self.proj_size or self.hidden_size, "c": self.hidden_size}

    def rule(self, *arrives: TensorType) -> Inferred:
        """As every recurrent layer's. Raises ``Cause`` unless ``proj_size`` is below ``hidden_size``."""
        if self.proj_size >= self.hidden_size:
            raise Cause(
                f"`proj_size` is {self.proj_size}, which is not below `hidden_size`, {self.hidden_size}",
                field="proj_size",
            )
        return super().rule(*arrives)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.LSTM``, batch first, with lengths and final states of its own."""
        from builder.runtime.cells import torch_recurrent

        return torch_recurrent.LSTM(self.output, **self.torch_arguments(sizes))

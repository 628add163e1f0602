"""GRU: h_t = (1 − z) ⊙ n + z ⊙ h_(t−1), with n = tanh(W·x_t + b + r ⊙ (U·h_(t−1) + d))."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.layers.shared.recurrent import TorchRecurrent
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import nn


@final
class GRU(TorchRecurrent):
    """The gated recurrent unit: gates r, z, n (in this order in the weights).

    Input N×T×input_size, output N×T×(D·hidden_size), or N×(D·hidden_size) with `output: last`. Its one state
    is `h`, the output. torch multiplies r with U·h + d; the paper multiplies h with r before U. T may be
    free: past a sequence's own end the output is zero.
    Source: torch.nn.GRU; Cho et al., "Learning phrase representations" (2014).
    """

    snake = "gru"
    gates = 3
    accepts = (
        Accepted("4", on=(("T", 3),)),
        Accepted("{hidden_size: 4, output: last, bias: false}", on=(("T", 3),)),
        Accepted("{hidden_size: 4, num_layers: 2, dropout: 0.5, bidirectional: true}", on=((5, 3),)),
    )
    rejects = (
        Rejected("", "`GRU` needs `hidden_size`"),
        Rejected("{hidden_size: 4, proj_size: 2}", "`GRU` has no field `proj_size`"),
        Rejected(
            "{hidden_size: 4, dropout: 1.5}", "expected a real number from 0 to 1, found the real number 1.5"
        ),
        Rejected(
            "4",
            "`GRU` needs real numbers, and N×T tokens of 80 arrive",
            on=(TensorType(("T",), 80),),
        ),
    )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.GRU``, batch first, with lengths and final states of its own."""
        from builder.runtime.cells import torch_recurrent

        return torch_recurrent.GRU(self.output, **self.torch_arguments(sizes))

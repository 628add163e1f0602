"""RNN: h_t = tanh(W_ih·x_t + b_ih + W_hh·h_(t−1) + b_hh)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

from builder.component import Accepted, Rejected
from builder.layers.shared.recurrent import TorchRecurrent

if TYPE_CHECKING:
    from torch import nn


@final
class RNN(TorchRecurrent):
    """The simple recurrent network: each step sees its input and the state of the step before.

    Input N×T×input_size, output N×T×(D·hidden_size), or N×(D·hidden_size) with `output: last`. Its one state
    is `h`, the output. T may be free: past a sequence's own end the output is zero.
    Source: torch.nn.RNN; Elman, "Finding structure in time" (1990).
    """

    snake = "rnn"
    gates = 1
    accepts = (
        Accepted("4", on=(("T", 3),)),
        Accepted("{hidden_size: 4, nonlinearity: relu, output: last}", on=(("T", 3),)),
        Accepted("{hidden_size: 4, num_layers: 2, bidirectional: true, bias: false}", on=((5, 3),)),
    )
    rejects = (
        Rejected("", "`RNN` needs `hidden_size`"),
        Rejected(
            "{hidden_size: 4, nonlinearity: sigmoid}", 'expected `tanh` or `relu`, found the text "sigmoid"'
        ),
        Rejected("{hidden_size: 4, batch_first: true}", "`RNN` does not take `batch_first` here"),
        Rejected(
            "4", "`RNN` needs a sequence of 2 axes (T, features), and N×1×28×28 arrives", on=((1, 28, 28),)
        ),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.RNN``, batch first, with lengths and final states of its own."""
        from builder.runtime.cells import torch_recurrent

        return torch_recurrent.RNN(self.output, **self.torch_arguments(sizes))

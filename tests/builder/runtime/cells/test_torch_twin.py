"""torch's layers as equations: the same outputs, states and parameters in number."""

from __future__ import annotations

import pytest
import torch

from builder.errors import RunError
from builder.runtime.cells.torch_recurrent import GRU, LSTM, RNN, TorchRecurrent
from builder.runtime.cells.torch_twin import kind_of, twin


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("output", ["sequence", "last"])
@pytest.mark.parametrize("kind", [LSTM, GRU, RNN])
def test_a_twin_gives_what_the_layer_gives(kind: type[TorchRecurrent], output: str, bias: bool) -> None:
    layer = kind(
        output, input_size=3, hidden_size=4, num_layers=2, bidirectional=True, bias=bias, batch_first=True
    ).double()
    made = twin(layer, output)
    x, lengths = torch.randn(3, 6, 3, dtype=torch.float64), torch.tensor([6, 1, 4])
    for ends in (None, lengths):
        theirs, final = layer.unroll(x, ends, ())
        ours, states = made.unroll(x, ends)
        torch.testing.assert_close(ours, theirs)
        for a, b in zip(states, final, strict=True):
            torch.testing.assert_close(a, b)
    assert made.state_names == layer.state_names


def test_one_layer_and_relu() -> None:
    layer = RNN("sequence", input_size=3, hidden_size=4, nonlinearity="relu", batch_first=True)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(twin(layer)(x), layer(x))
    assert kind_of(layer) == "RNN_RELU"


def test_a_projection_is_refused() -> None:
    layer = LSTM("sequence", input_size=3, hidden_size=4, proj_size=2, batch_first=True)
    with pytest.raises(RunError, match="`proj_size`"):
        twin(layer)

from __future__ import annotations

import torch
from torch import nn

from builder.layers.rnn import RNN
from builder.shapes import TensorType


def test_no_gates() -> None:
    inferred = RNN(hidden_size=4).infer(TensorType(("T", 3)))
    assert inferred.how == "4·3 + 4·4 + 2·4 = 36"


def test_last_is_the_final_state() -> None:
    layer = RNN(hidden_size=4, nonlinearity="relu", bidirectional=True, output="last")
    module = layer.build(layer.infer(TensorType(("T", 3))).sizes)
    theirs = nn.RNN(3, 4, nonlinearity="relu", bidirectional=True, batch_first=True)
    theirs.load_state_dict(module.state_dict())
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(module(x), torch.cat([*theirs(x)[1]], -1))

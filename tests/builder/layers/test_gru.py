from __future__ import annotations

import torch
from torch import nn

from builder.layers.gru import GRU
from builder.shapes import TensorType


def test_three_gates() -> None:
    inferred = GRU(hidden_size=4).infer(TensorType(("T", 3)))
    assert inferred.how == "3·(4·3 + 4·4 + 2·4) = 108"
    assert inferred.ports == {"h": TensorType((4,))}


def test_without_lengths_it_is_torchs() -> None:
    layer = GRU(hidden_size=4, num_layers=2, bidirectional=True)
    module = layer.build(layer.infer(TensorType(("T", 3))).sizes)
    theirs = nn.GRU(3, 4, 2, bidirectional=True, batch_first=True)
    theirs.load_state_dict(module.state_dict())
    x = torch.randn(2, 5, 3)
    assert torch.equal(module(x), theirs(x)[0])

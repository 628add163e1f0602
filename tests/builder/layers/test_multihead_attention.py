from __future__ import annotations

import torch
from torch import nn

from builder.layers.multihead_attention import MultiheadAttention
from builder.shapes import TensorType


def test_it_is_torchs_with_the_padding_masked() -> None:
    layer = MultiheadAttention(num_heads=2)
    module = layer.build(layer.infer(TensorType(("T", 6))).sizes)
    theirs = nn.MultiheadAttention(6, 2, batch_first=True)
    theirs.load_state_dict(module.state_dict())
    x, lengths = torch.randn(3, 5, 6), torch.tensor([5, 2, 3])
    padding = torch.arange(5) >= lengths[:, None]
    wanted, _ = theirs(x, x, x, key_padding_mask=padding)
    torch.testing.assert_close(module(x, lengths), wanted)


def test_the_quadratic_part_is_counted() -> None:
    inferred = MultiheadAttention(num_heads=2).infer(TensorType((5, 6)))
    assert inferred.multiply_adds == 5 * 4 * 6 * 6 + 2 * 5 * 5 * 6
    assert inferred.how == "4·(6·6 + 6) = 168"

from __future__ import annotations

import torch

from builder.layers.identity import Identity
from builder.shapes import Inferred, TensorType


def test_it_changes_nothing() -> None:
    tokens = TensorType((7,), vocabulary=80)
    assert Identity().infer(tokens) == Inferred(tokens)
    x = torch.arange(6).reshape(2, 3)
    assert Identity().build({})(x) is x

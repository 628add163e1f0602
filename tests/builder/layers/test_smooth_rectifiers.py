from __future__ import annotations

import math

import pytest
import torch

from builder.layers.layer import Layer
from builder.layers.smooth_rectifiers import ELU, GELU, SELU, Hardswish, Mish, SiLU, Softplus

PHI_1 = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
SIGMA_1 = 1 / (1 + math.exp(-1))


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (ELU(alpha=2), -1, 2 * (math.exp(-1) - 1)),
        (SELU(), 1, 1.0507009873554805),
        (GELU(), 1, PHI_1),
        (GELU(approximate="tanh"), 1, 0.8411919906082768),
        (SiLU(), 1, SIGMA_1),
        (Mish(), 1, math.tanh(math.log(1 + math.e))),
        (Softplus(beta=2), 1, math.log(1 + math.exp(2)) / 2),
        (Softplus(threshold=0.5), 1, 1),
        (Hardswish(), 1, 4 / 6),
    ],
    ids=repr,
)
def test_values_by_hand(layer: Layer, x: float, y: float) -> None:
    found = layer.build({})(torch.tensor([[x]], dtype=torch.float32))
    assert found.item() == pytest.approx(y, rel=1e-6)

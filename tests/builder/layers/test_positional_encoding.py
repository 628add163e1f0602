from __future__ import annotations

import math

import torch

from builder.layers.positional_encoding import PositionalEncoding


def test_it_is_the_papers() -> None:
    found = PositionalEncoding().build({})(torch.zeros(1, 7, 6))[0]
    for t in range(7):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            assert math.isclose(found[t, 2 * i], math.sin(angle), abs_tol=1e-6)
            assert math.isclose(found[t, 2 * i + 1], math.cos(angle), abs_tol=1e-6)

"""Float32: what it rounds to, and what is beyond it; torch's own limits decide."""

from __future__ import annotations

import pytest
import torch

from builder.language.float32 import rounded


def test_numbers_round_as_torch_rounds_them() -> None:
    for number in (0.1, -2 / 3, 1e30, 3.4028234e38, 1e-50):
        assert rounded(number) == torch.tensor(number, dtype=torch.float32).item()


@pytest.mark.parametrize("number", [3.5e38, -1e39, float("inf")])
def test_what_float32_cannot_hold_overflows(number: float) -> None:
    with pytest.raises(OverflowError):
        rounded(number)

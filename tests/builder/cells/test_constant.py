"""Constant parts: every function's value is that of torch's own."""

from __future__ import annotations

import pytest
import torch

from builder.cells.constant import worked_out
from builder.cells.term import FUNCTIONS, OPERATORS
from builder.runtime.cells.plain import MEANING

NUMBERS = (-7.0, -0.5, 0.0, 0.3, 1.0, 4.0)


@pytest.mark.parametrize("function", sorted({*FUNCTIONS, *OPERATORS} - {"layer_norm"}))
def test_every_function_is_torchs(function: str) -> None:
    wanted = (FUNCTIONS | OPERATORS)[function]
    for number in NUMBERS:
        values = (number, 0.7)[:wanted]
        theirs = float(MEANING[function](*(torch.tensor(one) for one in values)))
        try:
            found = worked_out(function, values)
        except ValueError:
            assert not torch.isfinite(torch.tensor(theirs))
        else:
            assert found == pytest.approx(theirs, rel=1e-5, abs=1e-6)


def test_what_float32_cannot_hold() -> None:
    for function, values in (("add", (3e38, 3e38)), ("exp", (89.0,)), ("power", (10.0, 400.0))):
        with pytest.raises(OverflowError):
            worked_out(function, values)
    with pytest.raises(ZeroDivisionError):
        worked_out("divide", (1.0, 0.0))
    assert worked_out("layer_norm", (1.0,)) is None

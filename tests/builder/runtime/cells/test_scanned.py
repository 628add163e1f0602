"""The scan operator against the plain loop."""

from __future__ import annotations

import pytest
import torch

from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text
from builder.runtime.cells.plain import unrolled
from builder.runtime.cells.scanned import scanned


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, while it traces the step
@pytest.mark.parametrize("reverse", [False, True])
def test_is_the_plain_loop(reverse: bool) -> None:
    text = "A: {states: [h], gates: {z: sigmoid(W @ x)}, update: {h: tanh(W @ x + U @ (z * h_prev) + b)}}"
    cell = read_cells(read_text(text).root, Report())["A"]
    assert cell is not None
    weights = {n: torch.randn(s, dtype=torch.float64) for n, s in cell.parameter_shapes(2, 3).items()}
    x, lengths = torch.randn(3, 5, 2, dtype=torch.float64), torch.tensor([2, 5, 1])
    with torch.no_grad():
        found = scanned(cell, weights, x, (), lengths, reverse)
    torch.testing.assert_close(found, unrolled(cell, weights, x, (), lengths, reverse))

"""The cell that the worked examples take: an LSTM whose gates see the cell's state.

Source: Gers & Schmidhuber, "Recurrent Nets that Time and Count" (2000), equations with one weight per peephole.
"""

from __future__ import annotations

from typing import Final

from builder.cells.cell import Cell
from builder.cells.reader import read_cell
from builder.errors import Place, Report
from builder.language.source import read_text

PEEPHOLE: Final = """
states: [h, c]
parameters: {p: vector}
gates:
  i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
  f: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
  g: tanh(W @ x + U @ h_prev + b)
  o: sigmoid(W @ x + U @ h_prev + p * c + b)
update:
  c: f * c_prev + i * g
  h: o * tanh(c)
"""


def example_cell(text: str = PEEPHOLE) -> Cell:
    """The cell of a YAML text, as it stands below its name in a file. Raises ``SpecErrors`` if it is no cell.

    >>> example_cell().state_names
    ('h', 'c')
    """
    report = Report()
    cell = read_cell("Example", Place("<text>", 1, 1), read_text(text).root, report)
    report.raise_errors()
    assert cell is not None, "the report would hold an error"
    return cell

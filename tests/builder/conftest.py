"""What the tests of cells share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from builder.cells.cell import Cell
from builder.cells.reader import read_cell
from builder.errors import Place, Report
from builder.language.source import read_text


@pytest.fixture(scope="session")
def cell() -> Callable[..., Cell]:
    """Reads one cell from the YAML below its name."""

    def read(text: str, name: str = "Own") -> Cell:
        report = Report()
        found = read_cell(name, Place("<text>", 1, 1), read_text(text).root, report)
        report.raise_errors()
        assert found is not None
        return found

    return read

"""How values are set in plots."""

from __future__ import annotations

import doctest

import cli.plots
import cli.tracing


def test_examples() -> None:
    assert doctest.testmod(cli.plots).failed == 0
    assert doctest.testmod(cli.tracing).failed == 0
    assert doctest.DocTestFinder(exclude_empty=True).find(cli.plots)

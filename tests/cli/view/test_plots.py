"""How values are set in plots."""

from __future__ import annotations

import doctest

import cli.commands.gradients
import cli.view.plots


def test_examples() -> None:
    assert doctest.testmod(cli.view.plots).failed == 0
    assert doctest.testmod(cli.commands.gradients).failed == 0
    assert doctest.DocTestFinder(exclude_empty=True).find(cli.view.plots)

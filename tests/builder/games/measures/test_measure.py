"""What all measures share."""

from __future__ import annotations

import pytest

from builder.games.measures.measure import measures


@pytest.mark.parametrize("name", list(measures))
def test_figures_are_named(name: str) -> None:
    cls = measures[name]
    assert cls.__name__ == name == name.lower()
    assert len(set(cls.figures)) == len(cls.figures) > 0
    assert set(cls.better) <= set(cls.figures)


def test_no_two_write_the_same_figure() -> None:
    figures = [figure for name in measures for figure in measures[name].figures]
    assert len(set(figures)) == len(figures)

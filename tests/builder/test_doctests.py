"""The examples in the docstrings of all torch-free modules are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import builder

MODULES = [
    info.name
    for info in pkgutil.walk_packages(builder.__path__, "builder.")
    if not info.name.startswith("builder.runtime")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [t for name in MODULES for t in finder.find(importlib.import_module(name)) if t.examples]
    assert len(found) >= 10

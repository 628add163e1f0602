"""The examples in the docstrings of modules that need torch are true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import builder.runtime

ROOT = Path(builder.runtime.__path__[0])
MODULES = [
    ".".join(("builder", "runtime", *path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert failed == 0
    assert tried > 0

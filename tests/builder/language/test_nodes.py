"""Nodes: what stands for another value, how a value is named, how a path is written."""

from __future__ import annotations

import math

import pytest

from builder.language.nodes import Scalar, describe, join_path
from builder.language.source import read_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$width", True),
        ("$(a * 2)", True),
        ("$(oops", True),
        ("'$width'", True),
        ('"$(minimum(1, 2))"', True),
        ("'$5 a month'", False),
        ("'costs $width'", False),
        ("width", False),
        ("5", False),
    ],
)
def test_what_stands_for_another_value(text: str, expected: bool) -> None:
    root = read_text(text).root
    assert isinstance(root, Scalar)
    assert root.is_expression is expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        (6, "6"),
        (10**40, "a whole number of 41 digits"),
        (-(10**20000), "a whole number of thousands of digits"),
        (5.0, "the real number 5.0"),
        (math.inf, "`.inf`"),
        (-math.inf, "`-.inf`"),
        (math.nan, "`.nan`"),
        ("a", 'the text "a"'),
        ("a" * 99, f'the text "{"a" * 37}…"'),
        ([1, None, "a", [2], {"b": 1}, 0.5, False], 'the list [1, null, "a", […], {…}, 0.5, false]'),
        ([1] * 99, "a list"),
        ({"a": 1}, "a mapping"),
    ],
    ids=lambda value: "" if isinstance(value, int) else None,
)
def test_what_was_found(value: object, words: str) -> None:
    assert describe(value) == words


def test_paths_stay_short() -> None:
    path = ""
    for _ in range(60):
        path = join_path(path, "k" * 400)
    assert len(path) == 240 and path.startswith("…")

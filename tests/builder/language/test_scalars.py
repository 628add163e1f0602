"""The core schema of YAML 1.2: what a plain scalar is."""

from __future__ import annotations

import math

import pytest

from builder.language.nodes import Scalar
from builder.language.scalars import is_decimal, resolve
from builder.language.source import read_text


def read(text: str) -> object:
    root = read_text(text).root
    assert isinstance(root, Scalar)
    return root.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        *((word, word) for word in ("on", "off", "yes", "no", "y", "n", "tRUE", "nULL", "Infinity")),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("0", 0),
        ("010", 10),
        ("-07", -7),
        ("+1", 1),
        ("0o17", 15),
        ("0O17", "0O17"),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1,000", "1,000"),
        ("12:30", "12:30"),
        ("2026-12-01", "2026-12-01"),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        ("1E+2", 100.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5e1", -5.0),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("+", "+"),
        ("e3", "e3"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("8/255", "8/255"),
        ("٣", "٣"),
        ("9" * 300, int("9" * 300)),
        ("9" * 301, "9" * 301),
        ("0x" + "f" * 1000, "0x" + "f" * 1000),
    ],
)
def test_the_core_schema(text: str, value: object) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)
    if text:
        assert read(text) == value


def test_not_a_number() -> None:
    found = resolve(".NaN")
    assert isinstance(found, float) and math.isnan(found)


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("-.5e3", True), ("0x1", False), ("", False)])
def test_decimal(text: str, expected: bool) -> None:
    assert is_decimal(text) is expected

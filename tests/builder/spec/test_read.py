"""A document becomes the spec as it is written, or an error that says what the file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import Report
from builder.language.source import read_text
from builder.spec.read import read_spec

TWO = "networks: {a: {input: [2], layers: [ReLU]}, b: {input: [3], layers: [Tanh]}}\n"


def test_one_network_and_several() -> None:
    report = Report()
    alone = read_spec(read_text("input: [2]\nlayers: [ReLU]\n", "f"), Path(), report)
    several = read_spec(read_text(TWO, "f"), Path(), report)
    assert alone is not None and [item.kind for item in alone.layers] == ["ReLU"] and not alone.networks
    assert several is not None and list(several.networks) == ["a", "b"] and several.layers == ()
    assert not report.errors


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1, 2]", "expected a spec with the keys `input` and `layers`, found a list"),
        ("assignment: x", "this is an assignment, not a model spec"),
    ],
)
def test_another_kind_of_file_is_named(text: str, problem: str) -> None:
    report = Report()
    assert read_spec(read_text(text, "f"), Path(), report) is None
    assert [error.problem for error in report.errors] == [problem]

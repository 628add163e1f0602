"""`--set`: what it puts where, and what is no `key=value`."""

from __future__ import annotations

import pytest

from builder.errors import Cause, Report
from builder.language.overrides import override, parse
from builder.language.source import read_text


def test_steps_and_value() -> None:
    steps, value = parse("layers[0].Conv2d.out_channels=8")
    assert steps == ["layers", 0, "Conv2d", "out_channels"]
    assert getattr(value, "value", None) == 8
    assert value.place.file == "--set"


@pytest.mark.parametrize("text", ["train.epochs", "=3", "", "[x]=3", "a..b=1", "a={", "a=???", "a=[1, ???]"])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(Cause):
        parse(text)


def test_a_place_that_is_filled_is_no_place_to_fill() -> None:
    document = override(read_text("a: {b: ???, c: ???}"), ["a.b=3"], Report())
    assert [hole.path for hole in document.holes] == ["a.c"]

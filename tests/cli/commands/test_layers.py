"""`gradspec layers`: the catalogue, manual pages, and fields in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

import cli.main
from cli.commands.layers import KINDS, words

Run = Callable[..., Any]  # what `conftest.py` says that it gives
WHOLE = {"type": "integer", "minimum": 1}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (WHOLE, "a whole number of at least 1"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "a real number of at least 0 and below 1"),
        ({"type": "boolean"}, "true or false"),
        ({"type": "string"}, "a text"),
        ({}, "as it says above"),
        ({"enum": ["zeros", "reflect", "circular"]}, "`zeros`, `reflect` or `circular`"),
        ({"anyOf": [WHOLE, {"type": "null"}]}, "a whole number of at least 1"),
        (
            {"anyOf": [WHOLE, {"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 2}]},
            "a whole number of at least 1 or two of them",
        ),
        ({"type": "array", "items": {"type": "number"}}, "a list of several, each a real number"),
        ({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "/"}]}, "a real number"),
    ],
)
def test_words(schema: dict[str, Any], text: str) -> None:
    assert words(schema) == text


def test_kinds_are_catalogues() -> None:
    from importlib import import_module

    for module, attribute in KINDS.values():
        assert list(getattr(import_module(module), attribute))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Hinge"], "Hinge"),
        (["GradientPenalty"], "weight"),
        (["modes"], "within"),
        (["--kind", "measures"], "precision_recall"),
        (["--kind", "attacks", "PGD"], "random_start"),
        (["FromGenerator"], "share"),
    ],
)
def test_pages_of_what_is_no_layer(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gradspec", "layers", *words])
    assert cli.main.main() == 0
    assert told in capsys.readouterr().out


def test_a_name_that_nothing_has(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gradspec", "layers", "Hindge"])
    assert cli.main.main() != 0
    assert "there is no layer type `Hindge`" in capsys.readouterr().err


def test_layers_lists_the_catalogue_and_shows_a_page(run: Run) -> None:
    listing = run("layers")
    assert listing.returncode == 0
    assert "\nConv2d " in listing.stdout
    page = run("layers", "Conv2d").stdout
    assert "out_channels  needed" in page
    assert "padding_mode  zeros" in page
    assert "  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}\n" in page
    wrong = run("layers", "Conv2D")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Did you mean `Conv2d`?" in wrong.stderr


@pytest.mark.parametrize("kind", ["losses", "optimizers", "schedulers", "metrics", "datasets", "transforms"])
def test_every_kind_has_pages(run: Run, kind: str) -> None:
    listed = json.loads(run("layers", "--kind", kind, "--json").stdout)[kind]
    assert listed
    assert all(one["manual"] for one in listed)
    assert run("layers", "--kind", kind, listed[0]["name"]).returncode == 0

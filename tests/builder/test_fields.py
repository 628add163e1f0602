"""The types of fields: what each takes, what it becomes, and its one message."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from builder import fields
from builder.fields import pair
from builder.language.nodes import Document, Scalar, Sequence
from builder.language.source import read_text
from builder.reader import sentence

TAKES: list[tuple[str, str, object]] = [
    ("Int", "-3", -3),
    ("Int", "010", 10),
    ("Natural", "0", 0),
    ("Count", "1", 1),
    ("Count", "0x10", 16),
    ("Real", "1", 1.0),
    ("Real", "1e-3", 0.001),
    ("Real", "8/255", 8 / 255),
    ("Real", "-1.5 / 3", -0.5),
    ("Real", '"8/255"', 8 / 255),
    ("NonNegative", "0", 0.0),
    ("Positive", "1/3", 1 / 3),
    ("Probability", "1", 1.0),
    ("BelowOne", "0.999", 0.999),
    ("Flag", "true", True),
    ("Text", "on", "on"),
    ("OneOrPair", "3", 3),
    ("OneOrPair", "[3, 5]", (3, 5)),
    ("NaturalOrPair", "[0, 1]", (0, 1)),
    ("Sizes", "[1, 2, 3]", (1, 2, 3)),
    ("RealPair", "[0.5, 1]", (0.5, 1.0)),
    ("Reals", "[1, 8/255]", (1.0, 8 / 255)),
]

REFUSES: list[tuple[str, str, str, str | None]] = [
    ("Int", '"6"', 'expected a whole number, found the text "6"', "Write 6 without quotes."),
    ("Int", "5.0", "expected a whole number, found the real number 5.0", "Write 5."),
    ("Int", "1e3", "expected a whole number, found the real number 1000.0", "Write 1000."),
    ("Int", "5.5", "expected a whole number, found the real number 5.5", None),
    ("Int", "true", "expected a whole number, found true", None),
    ("Int", "~", "expected a whole number, found nothing", None),
    ("Int", "[1]", "expected a whole number, found the list [1]", None),
    ("Int", "{a: 1}", "expected a whole number, found a mapping", None),
    ("Int", "1_000", 'expected a whole number, found the text "1_000"', None),
    ("Int", "9" * 30, "expected a smaller number, found a whole number of 30 digits", None),
    ("Natural", "-1", "expected a whole number of at least 0, found -1", None),
    ("Count", "0", "expected a whole number of at least 1, found 0", None),
    ("Count", "4611686018427387905", "expected a smaller number, found 4611686018427387905", None),
    ("Real", '"0.1"', 'expected a real number, found the text "0.1"', "Write 0.1 without quotes."),
    ("Real", "false", "expected a real number, found false", None),
    ("Real", ".nan", "expected a real number, found `.nan`", None),
    ("Real", "-.inf", "expected a real number, found `-.inf`", None),
    ("Real", "1e999", "expected a real number, found `.inf`", None),
    ("Real", "1/0", 'expected a real number, found the text "1/0"', "A fraction's lower number is not zero."),
    ("Real", "1/2/3", 'expected a real number, found the text "1/2/3"', None),
    ("NonNegative", "-0.1", "expected a real number of at least 0, found the real number -0.1", None),
    ("Positive", "0", "expected a real number above 0, found 0", None),
    ("Probability", "1.5", "expected a real number from 0 to 1, found the real number 1.5", None),
    ("Probability", "3/2", 'expected a real number from 0 to 1, found the text "3/2"', None),
    ("BelowOne", "1", "expected a real number of at least 0 and below 1, found 1", None),
    ("Flag", "yes", 'expected true or false, found the text "yes"', "Write true."),
    ("Flag", "Off", 'expected true or false, found the text "Off"', "Write false."),
    ("Flag", "1", "expected true or false, found 1", "Write true."),
    ("Flag", "2", "expected true or false, found 2", None),
    ("Flag", "maybe", 'expected true or false, found the text "maybe"', None),
    ("Text", "5", "expected a text, found 5", 'Put it in quotes: "5".'),
    ("Text", "true", "expected a text, found true", None),
    (
        "Text",
        '"a\\0b"',
        'expected a text without control characters, found the text "a\0b"',
        None,
    ),
    ("Text", '""', 'expected a text that is not empty, found the text ""', None),
    (
        "OneOrPair",
        "[1, 2, 3]",
        "expected a whole number of at least 1, or two of them, found the list [1, 2, 3]",
        None,
    ),
    ("OneOrPair", "0", "expected a whole number of at least 1, or two of them, found 0", None),
    (
        "OneOrPair",
        "5.0",
        "expected a whole number of at least 1, or two of them, found the real number 5.0",
        "Write 5.",
    ),
    (
        "OneOrPair",
        '"5"',
        'expected a whole number of at least 1, or two of them, found the text "5"',
        "Write 5 without quotes.",
    ),
    (
        "OneOrPair",
        "[3, true]",
        "expected a whole number of at least 1, or two of them, found the list [3, true]",
        None,
    ),
    ("OneOrPair", "[]", "expected a whole number of at least 1, or two of them, found the list []", None),
    (
        "OneOrPair",
        "9999999999999999999",
        "expected a smaller number, found 9999999999999999999",
        None,
    ),
    ("NaturalOrPair", "-1", "expected a whole number of at least 0, or two of them, found -1", None),
    ("Sizes", "[]", "expected a list of whole numbers of at least 1, found the list []", None),
    ("Sizes", "[2, 0]", "expected a list of whole numbers of at least 1, found the list [2, 0]", None),
    ("Sizes", "3", "expected a list of whole numbers of at least 1, found 3", None),
    ("RealPair", "[1]", "expected a list of two real numbers, found the list [1]", None),
    ("RealPair", '[1, "2"]', 'expected a list of two real numbers, found the list [1, "2"]', None),
    ("RealPair", "[1, [2]]", "expected a list of two real numbers, found the list [1, […]]", None),
    ("Reals", "[]", "expected a list of real numbers, found the list []", None),
    ("Reals", "0.5", "expected a list of real numbers, found the real number 0.5", None),
]


def plain(text: str) -> Any:
    """A field's value as ``Reader.plain`` would hand it on."""
    document: Document = read_text(text)

    def value(node: Any) -> Any:
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Sequence):
            return [value(item) for item in node.items]
        return {key: value(item) for key, item in node.entries.items()}

    return value(document.root)


def check(kind: str, value: object) -> Any:
    return TypeAdapter(getattr(fields, kind)).validate_python(value)


@pytest.mark.parametrize(("kind", "text", "value"), TAKES)
def test_takes(kind: str, text: str, value: object) -> None:
    found = check(kind, plain(text))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("kind", "text", "value"), TAKES)
def test_what_it_becomes_can_be_written_and_read_again(kind: str, text: str, value: object) -> None:
    found = check(kind, plain(text))
    written = yaml.safe_dump(list(found) if isinstance(found, tuple) else found)
    assert check(kind, plain(written)) == found


@pytest.mark.parametrize(("kind", "text", "problem", "hint"), REFUSES)
def test_refuses(kind: str, text: str, problem: str, hint: str | None) -> None:
    with pytest.raises(ValidationError) as caught:
        check(kind, plain(text))
    assert sentence(caught.value.errors(include_url=False)) == (problem, hint)


def test_every_type_is_tried_both_ways() -> None:
    kinds = {name for name, value in vars(fields).items() if hasattr(value, "__metadata__")}
    assert kinds
    assert kinds <= {kind for kind, *_ in TAKES}
    assert kinds <= {kind for kind, *_ in REFUSES}


@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in TAKES}))
def test_a_number_beyond_every_bound_is_refused_without_working_it_out(kind: str) -> None:
    with pytest.raises(ValidationError):
        check(kind, 10**5000)


def test_pair() -> None:
    assert pair(3) == (3, 3)
    assert pair((3, 5)) == (3, 5)

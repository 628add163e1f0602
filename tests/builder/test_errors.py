"""Errors: their tree, their one line, their report, and the nearest name."""

from __future__ import annotations

import inspect

import pytest

from builder import errors
from builder.errors import Cause, GradspecError, Place, Report, SpecError, SpecErrors, did_you_mean, nearest

AT = Place("a.yaml", 3, 5, "layers[0].Linear")


def test_every_error_stands_in_the_tree_of_the_docstring() -> None:
    tree = errors.__doc__ or ""
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, GradspecError):
            assert name in tree, name


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (SpecError("a.yaml", 3, 5, "", "it is wrong"), "a.yaml:3:5: it is wrong"),
        (SpecError("a.yaml", 3, 5, "name", "it is wrong"), "a.yaml:3:5: name: it is wrong"),
        (
            SpecError("a.yaml", 3, 5, "name", "it is wrong", "Do it right."),
            "a.yaml:3:5: name: it is wrong Hint: Do it right.",
        ),
        (
            SpecError(
                "a.yaml", 3, 5, "", "it is wrong", "Do it.", (Place("a.yaml", 9, 1), Place("b.yaml", 2, 1))
            ),
            "a.yaml:3:5: it is wrong (used at line 9) (used at b.yaml:2) Hint: Do it.",
        ),
    ],
)
def test_one_line_says_it_all(error: SpecError, line: str) -> None:
    assert str(error) == line


def test_what_a_text_brings_in_is_made_fit_to_print() -> None:
    error = SpecError("a.yaml", 1, 1, "a\nb", "there is no `\x1b[31m\x00\ud800`", "Not `\u200b`.")
    assert (error.path, error.problem) == ("a\\nb", "there is no `\\x1b[31m\\x00\\ud800`")
    assert error.hint == "Not `\\u200b`."
    assert SpecError("a.yaml", 1, 1, "", "größe × 2 ≤ ⌊½⌋").problem == "größe × 2 ≤ ⌊½⌋"


def test_long_names_are_shortened_and_the_sentence_stays() -> None:
    error = SpecError("a.yaml", 1, 1, "", f"there is no layer `{'x' * 5000}` here")
    assert error.problem == f"there is no layer `{'x' * 100}…` here"


def test_a_report_is_in_the_order_of_the_lines() -> None:
    report = Report()
    report.error(Place("a.yaml", 9, 1), "third")
    report.error(Place("a.yaml", 2, 7), "second")
    report.error(Place("a.yaml", 2, 3), "first")
    assert [e.problem for e in report.errors] == ["first", "second", "third"]
    with pytest.raises(SpecErrors, match=r"^a\.yaml:2:3: first\na\.yaml:2:7: second\na\.yaml:9:1: third$"):
        report.raise_errors()


def test_the_same_problem_at_the_same_place_counts_once() -> None:
    report = Report()
    for line in (10, 11):
        with report.used_at(Place("a.yaml", line, 1)):
            report.error(AT, "it is wrong")
    report.error(AT, "it is wrong otherwise")
    assert [(e.problem, [p.line for p in e.used_at]) for e in report.errors] == [
        ("it is wrong", [10]),
        ("it is wrong otherwise", []),
    ]


def test_uses_are_named_from_the_inside() -> None:
    report = Report()
    with report.used_at(Place("a.yaml", 30, 1)), report.used_at(Place("a.yaml", 20, 1)):
        report.error(AT, "it is wrong")
    assert [p.line for p in report.errors[0].used_at] == [20, 30]


def test_an_offset_moves_the_column() -> None:
    report = Report()
    report.error(AT, "it is wrong", offset=4)
    assert (report.errors[0].line, report.errors[0].column) == (3, 9)


def test_advice_fails_nothing_and_travels_with_errors() -> None:
    report = Report()
    report.advise(AT, "it is unwise")
    report.raise_errors()
    assert [a.problem for a in report.advice] == ["it is unwise"]
    report.error(AT, "it is wrong")
    with pytest.raises(SpecErrors) as caught:
        report.raise_errors()
    assert [a.problem for a in caught.value.advice] == ["it is unwise"]


def test_a_flood_of_errors_ends_the_reading() -> None:
    report = Report()
    with pytest.raises(SpecErrors) as caught:
        for line in range(10_000):
            report.error(Place("a.yaml", line + 1, 1), "it is wrong")
    assert len(caught.value.errors) == errors.MAX_ERRORS + 1
    assert str(caught.value.errors[-1]) == "a.yaml:201:1: more than 200 errors: the reading ends here"


def test_a_cause_keeps_its_parts() -> None:
    cause = Cause("it is wrong", "Do it right.", field="padding", offset=3)
    assert (cause.problem, cause.hint, cause.field, cause.offset) == (
        "it is wrong",
        "Do it right.",
        "padding",
        3,
    )
    assert str(cause) == "it is wrong Do it right."


KNOWN = ("Conv2d", "ConvTranspose2d", "MaxPool2d", "Linear", "ReLU", "out_channels")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Conv2D", "Conv2d"),
        ("conv_2d", "Conv2d"),
        ("relu", "ReLU"),
        ("Maxpool2", "MaxPool2d"),
        ("outchannels", "out_channels"),
        ("Lienar", "Linear"),
        ("Dropout", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
)
def test_the_nearest_name(name: str, found: str | None) -> None:
    assert nearest(name, KNOWN) == found


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("Conv2D", KNOWN, "Did you mean `Conv2d`?"),
        ("Conv2d:3", KNOWN, "Write `Conv2d: 3`, with a space after the colon."),
        ("Linear(10)", KNOWN, "Write `Linear: 10`, with a space after the colon."),
        ("ReLU()", KNOWN, "Write `ReLU`."),
        ("Conv2d(6, 5)", KNOWN, "Write `Conv2d: {…}`, with a space after the colon."),
        ("Conv2d {out_channels", KNOWN, "Write `Conv2d: {…}`, with a space after the colon."),
        ("zzz", ["a", "b"], "Known here: `a`, `b`."),
        ("zzz", [], None),
        ("zzz", [f"name{i}" for i in range(17)], None),
    ],
)
def test_the_hint_for_a_wrong_name(name: str, known: list[str], hint: str | None) -> None:
    assert did_you_mean(name, known) == hint

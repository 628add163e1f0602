"""The sections of an assignment keep their own examples."""

from __future__ import annotations

import pytest

from builder.component import Component
from builder.errors import Place, Report
from builder.language.source import read_text
from builder.reader import Reader
from grader.assignment.sections import Allowed, Head, Reference, SubmittedFiles, Terms

SECTIONS: list[type[Component]] = [SubmittedFiles, Allowed, Terms, Reference, Head]


def read(section: type[Component], text: str) -> tuple[Component | None, Report]:
    report = Report()
    node = read_text(text).root
    return Reader(report, {}).component(section, node, Place("<text>", 1, 1)), report


@pytest.mark.parametrize("section", SECTIONS)
def test_accepted_examples_are_accepted(section: type[Component]) -> None:
    assert section.accepts and section.rejects and section.manual()
    for example in section.accepts:
        made, report = read(section, example.text)
        assert made is not None and not report.errors, report.errors


@pytest.mark.parametrize("section", SECTIONS)
def test_rejected_examples_give_their_message(section: type[Component]) -> None:
    for example in section.rejects:
        made, report = read(section, example.text)
        assert made is None
        assert [error.problem for error in report.errors] == [example.problem]


@pytest.mark.parametrize(
    "text, needed",
    [
        ("needs: size", {"size": 1.0}),
        ("needs: [size, shapes]", {"size": 1.0, "shapes": 1.0}),
        ("needs: {clean: 0.9}", {"clean": 0.9}),
        ("points: 1", {}),
    ],
)
def test_needs_may_be_written_three_ways(text: str, needed: dict[str, float]) -> None:
    made, _ = read(Terms, text)
    assert isinstance(made, Terms) and made.needed() == needed

"""A student's page shows what he may see, and nothing on it runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from grader import Blocked, Failed, Passed
from grader.assignment.assignment import Reveal
from grader.results.formats.html_pages import page

if TYPE_CHECKING:
    from tests.grader.results.conftest import Make


EVIL = "<script>alert('x')</script>"


def test_a_page_is_safe_whatever_it_shows(make: Make) -> None:
    one = make.student(EVIL, make.check(EVIL, Failed(EVIL, EVIL, EVIL)))
    html = page(make.class_of(one, title=EVIL).assignment, one)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert not re.search(r"(?:src|href)\s*=", html), "a page stands alone"


@pytest.mark.parametrize(
    "reveal, shown, hidden",
    [
        ("expected", ["at least 97", "found 83", "8.5"], []),
        ("direction", ["too low"], ["at least 97", "found 83"]),
        ("nothing", ["It is not as required."], ["too low", "at least 97", "found 83"]),
        ("after_due", ["It is not as required."], ["too low", "at least 97", "found 83"]),
    ],
)
def test_a_page_shows_what_reveal_allows(
    make: Make, reveal: Reveal, shown: list[str], hidden: list[str]
) -> None:
    failed = Failed("at least 97", "found 83", "Train.", 0.85, "too low")
    one = make.student("ada", make.check("clean", failed, reveal=reveal))
    html = page(make.class_of(one).assignment, one)
    assert all(text in html for text in shown)
    assert not [text for text in hidden if text in html]


def test_a_hidden_check_leaves_no_trace_on_the_page(make: Make) -> None:
    one = make.student(
        "ada",
        make.check("open", Passed()),
        make.check("secret", Failed("0.9713", "0.8317", fraction=0.3), "hidden", "direction"),
        make.check("later", Blocked("secret", "it did not pass")),
    )
    html = page(make.class_of(one).assignment, one)
    assert "secret" not in html and "0.97" not in html and "0.83" not in html
    assert "A check that it needs did not pass." in html
    assert "of 20 points in the checks shown here" in html.replace("</strong> <span>", " ")
    assert re.search(r"<strong>10</strong>", html), "the subtotal of visible checks alone"

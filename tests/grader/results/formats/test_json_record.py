"""The record of a class, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader import Failed
from grader.results.formats.json_record import JSON

if TYPE_CHECKING:
    from tests.grader.results.conftest import Make


def test_it_writes_one_file_for_the_class(make: Make) -> None:
    result = make.class_of(
        make.student("Ada", make.check("v", Failed("16×10×10", "16×5×5", "Look at the padding.", 0.5)))
    )
    assert JSON().class_files(result) == {
        "results.json": """\
{
  "assignment": "a",
  "submissions": [
    {
      "id": "Ada",
      "points": 5,
      "of": 20,
      "checks": [
        {
          "check": "v",
          "outcome": "failed",
          "points": 5,
          "of": 10,
          "expected": "16×10×10",
          "found": "16×5×5",
          "hint": "Look at the padding."
        }
      ]
    }
  ]
}
"""
    }

"""The language of questions: what it says, and that it says nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from builder.errors import Cause
from grader.answering.question_language import Value, parse


class Known:
    """A reference with one layer of shape 2×3, five parameters."""

    def ask(self, function: str, name: str | None) -> Value:
        if function == "shape":
            return np.array([2, 3])
        if function == "value":
            return np.arange(6.0).reshape(2, 3)
        return 5 if name == "block.layer" else 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("parameters(block.layer)", 5),
        ("parameters() - 2", 5),
        ("parameters() / 7", 1),
        ("parameters() / 2", 3.5),
        ("-2 ** 2 + 2 * (3 - 1)", 0),
        ("shape(x)", [2, 3]),
        ("shape(x)[-1]", 3),
        ("shape(x) * 2 + 1", [5, 7]),
        ("[16, 10, 5 + 5]", [16, 10, 10]),
        ("value(x)[1, :]", [3.0, 4.0, 5.0]),
        ("value(x)[1, 2] / 2", 2.5),
        ("sqrt(abs(0 - 4))", 2.0),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse(text).evaluate(Known())
    assert np.asarray(found).tolist() == value
    assert np.asarray(found).dtype.kind == np.asarray(value).dtype.kind


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "().__class__", "shape.__class__", "shape(x).T", "[i for i in x]", "lambda: 1", "x",
        "'text'", "True", "None", "f'{1}'", "shape('x')", "shape(1)", "shape()", "shape(x, y)", "loss(x)",
        "shape(x=1)", "hidden(x)", "hidden(x, 3.5)", "hidden(x, y)",
            "hidden(x, 3, c, d)", "hidden(x, '3')", "shpe(x)", "1 if 1 else 2", "1 < 2", "1 and 2", "x := 1",
            "value(x)[x]",
        "value(x)[1.5]", "value(x)[1:2]", "9 ** 9 ** 9", "1e999", "", "(", "9" * 1900, "(" * 500 + ")" * 500,
        "1" * 3000, "*x", "await x", "[]", "~1", "1 // 2", "1 % 2", "not 1",
    ],
)  # fmt: skip
def test_nothing_else_is_said(text: str) -> None:
    with pytest.raises(Cause):
        parse(text)


@pytest.mark.parametrize("text", ["1 / 0", "log(0 - 1)", "value(x)[7, 7]", "shape(x) + [1, 2, 3]"])
def test_what_has_no_value_is_refused(text: str) -> None:
    with pytest.raises(Cause):
        parse(text).evaluate(Known())


def test_a_name_that_is_nearly_right_is_named() -> None:
    with pytest.raises(Cause) as caught:
        parse("parameter(conv2d_1)")
    assert caught.value.hint == "Did you mean `parameters`?"

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


EXAMPLES = "As in `shape(conv2d_2)`, `parameters(conv2d_2) - 16` or `value(edges)[0, 1, 1]`."
KNOWN = (
    "Known here: `shape`, `parameters`, `multiply_adds`, `value`, `gradient`, `output`, `loss`, `hidden`, "
    "`abs`, `sqrt`, `exp`, `log`."
)
ENTRY = "As in `value(edges)[0, 1, 1]`."
COUNTED = "Entries count from 0, and an example's batch axis is not counted."


@pytest.mark.parametrize(
    ("text", "offset", "problem", "hint"),
    [
        ("1 + x", 4, "`x` is not part of the language of questions", EXAMPLES),
        ("-'text'", 1, "`'text'` is not part of the language of questions", EXAMPLES),
        ("True", 0, "`True` is not part of the language of questions", EXAMPLES),
        ("[]", 0, "`[]` is not part of the language of questions", EXAMPLES),
        ("2 + (1 // 2)", 5, "`1 // 2` is not part of the language of questions", EXAMPLES),
        ("x % y + z", 0, "`x % y` is not part of the language of questions", EXAMPLES),
        ("shape(x=1)", 0, "`shape(x=1)` is not part of the language of questions", EXAMPLES),
        ("x.shape(1)", 0, "`x.shape(1)` is not part of the language of questions", EXAMPLES),
        ("shape(x).T", 0, "`shape(x).T` is not part of the language of questions", EXAMPLES),
        ("'" + "x" * 70 + "'", 0, f"`'{'x' * 59}` is not part of the language of questions", EXAMPLES),
        ("parameter(x)", 0, "there is no `parameter()` in questions", "Did you mean `parameters`?"),
        ("sqrt(squrt(x))", 5, "there is no `squrt()` in questions", "Did you mean `sqrt`?"),
        ("squrt(shpe(x))", 0, "there is no `squrt()` in questions", "Did you mean `sqrt`?"),
        ("__import__('os')", 0, "there is no `__import__()` in questions", KNOWN),
        ("1 + sqrt(x, 2)", 4, "`sqrt` takes one value, found 2", None),
        ("abs()", 0, "`abs` takes one value, found 0", None),
        ("shape()", 0, "`shape()` takes one name, found 0", "As in `shape(conv2d_2)`."),
        ("shape(x, y)", 0, "`shape()` takes one name, found 2", "As in `shape(conv2d_2)`."),
        ("loss(x)", 0, "`loss()` takes nothing, found 1", "As in `loss()`."),
        (
            "parameters(x, y)",
            0,
            "`parameters()` takes one name or none, found 2",
            "As in `parameters(conv2d_2)`.",
        ),
        (
            "shape('x')",
            6,
            "expected a name, found `'x'`",
            "As in `shape(conv2d_2)`: names stand without quotes.",
        ),
        (
            "hidden(x)",
            0,
            "`hidden()` takes a layer, a step and, if it is not the output, a state, found 1",
            "As in `hidden(memory, 3)` or `hidden(memory, 3, c)`: the first step is 1.",
        ),
        (
            "hidden(x, 3.5)",
            10,
            "expected the number of a step, found `3.5`",
            "The first step is 1; 0 is before it.",
        ),
        ("value(x)[1, 1.5]", 12, "expected a whole number or `:`, found `1.5`", ENTRY),
        ("value(x)[1:2]", 9, "expected a whole number or `:`, found `1:2`", ENTRY),
        ("9 ** 9 ** 9", 0, "`9 ** 9 ** 9` is too large a number", None),
        ("1 + 1e999", 4, "`1e999` is not a finite number of moderate size", None),
        ("2 ** 62 * 2", 0, "`2 ** 62 * 2` is not a finite number of moderate size", None),
        ("1 + [[1, 2], [3]]", 4, "`[[1, 2], [3]]` is a ragged list", None),
        ("-" * 65 + "1", 65, "the expression is nested too deeply", None),
        ("1 + (2 * (" * 32 + "-" * 9 + "1" + "))" * 32, 321, "the expression is nested too deeply", None),
        ("+".join("1" * 66), 0, "the expression is nested too deeply", None),
        ("1" * 2001, 0, "the expression has 2,001 characters; 2,000 are allowed", None),
        ("1 +", 0, "`1 +` is no expression", EXAMPLES),
        ("(" * 500 + ")" * 500, 200, f"`{'(' * 60}` is no expression", EXAMPLES),
        ("1 + value(x)[7, 7]", 4, "`value(x)[7, 7]`: there is no such entry in [2, 3]", COUNTED),
        ("1 + (shape(x) + [1, 2, 3])", 5, "`shape(x) + [1, 2, 3]` joins arrays of different shapes", None),
        ("2 + 1 / 0", 4, "`1 / 0` is not a finite number of moderate size", None),
        ("log(0 - 1)", 0, "`log(0 - 1)` is not a finite number", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_errors(text: str, offset: int, problem: str, hint: str | None) -> None:
    with pytest.raises(Cause) as caught:
        parse(text).evaluate(Known())
    assert (caught.value.offset, caught.value.problem, caught.value.hint) == (offset, problem, hint)


def test_a_sum_of_64_is_no_deeper_than_allowed() -> None:
    assert parse("+".join("1" * 65)).evaluate(Known()) == 65

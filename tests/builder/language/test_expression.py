"""Arithmetic: what it may say, what it gives, and where it is wrong."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import Cause
from builder.language.expression import MAX_LENGTH, evaluate

if TYPE_CHECKING:
    from tests.conftest import Yardstick

NAMES = {
    "channels": 16,
    "width": 6,
    "größe": 3,
    "half": 0.5,
    "flag": True,
    "text": "abc",
    "size": [3, 5],
    "no": None,
}
ALLOWED = "Allowed: numbers, names, `+ - * / **`, brackets, `minimum maximum abs sqrt exp log`."


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$channels", 16),
        ("$size", [3, 5]),
        ("$flag", True),
        ("$größe", 3),
        ("$(channels * 4 / 2)", 32),
        ("$(4/2)", 2),
        ("$(-7/7)", -1),
        ("$(3/2)", 1.5),
        ("$(4.0/2)", 2.0),
        ("$(7 / 2 * 2)", 7.0),
        ("$(2 + 3 * 4 - 1)", 13),
        ("$(2 ** 3 ** 2)", 512),
        ("$(-2 ** 2)", -4),
        ("$((-2) ** 2)", 4),
        ("$(2 ** -1)", 0.5),
        ("$(2**63)", 2**63),
        ("$(- -+2)", 2),
        ("$(010 + 00)", 10),
        ("$(.5 + 5.)", 5.5),
        ("$(1e-3)", 0.001),
        ("$(half)", 0.5),
        ("$(größe*2)", 6),
        ("$(minimum(width, channels))", 6),
        ("$(maximum ( 1 , 2.5 ))", 2.5),
        ("$(abs(-3))", 3),
        ("$(sqrt(16))", 4.0),
        ("$(log(exp(1)))", 1.0),
        ("$( 1\n+\t2 )", 3),
        ("$(" + "+".join(["1"] * 999) + ")", 999),
        ("$(" + "(" * 63 + "1" + ")" * 63 + ")", 1),
    ],
)
def test_values(text: str, value: object) -> None:
    found = evaluate(text, NAMES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "offset", "problem", "hint"),
    [
        ("$", 0, "expected `$name` or `$(…)`, found `$`", "Arithmetic stands in `$(…)`."),
        ("${width}", 0, "expected `$name` or `$(…)`, found `${width}`", "Arithmetic stands in `$(…)`."),
        ("$width * 2", 0, "expected `$name` or `$(…)`, found `$width * 2`", "Arithmetic stands in `$(…)`."),
        ("$chanels", 1, "`$chanels` is not known here", "Did you mean `channels`?"),
        ("$(2 * chanels)", 6, "`chanels` is not known here", "Did you mean `channels`?"),
        ("$(größe + wdith)", 10, "`wdith` is not known here", "Did you mean `width`?"),
        ("$(flag + 1)", 2, "expected a number for `flag`, found true", None),
        ("$(1 + text)", 6, "expected a number for `text`, found `abc`", None),
        ("$(size)", 2, "expected a number for `size`, found `[3, 5]`", None),
        ("$(no)", 2, "expected a number for `no`, found nothing", None),
        ("$()", 2, "expected a value before `)`", None),
        ("$(* 2)", 2, "expected a value before `*`", None),
        ("$(1 + )", 6, "expected a value before `)`", None),
        ("$(7 // 2)", 5, "expected a value before `/`", None),
        ("$(1 2)", 4, "expected a sign before `2`", "As in `2 * width`."),
        ("$(2 (3))", 4, "expected a sign before `(`", "As in `2 * width`."),
        ("$(1) + 2", 5, "expected the end after `)`, found `+ 2`", None),
        ("$(1))", 4, "expected the end after `)`, found `)`", None),
        ("$(minimum(*size))", 10, "expected a value before `*`", None),
        (
            "$((1)",
            1,
            "this `(` is not closed",
            "Write `)` where it ends; in flow style a comma ends a value, unless it stands in quotes.",
        ),
        (
            "$(minimum(1",
            9,
            "this `(` is not closed",
            "Write `)` where it ends; in flow style a comma ends a value, unless it stands in quotes.",
        ),
        ("$(minimum(1))", 2, "`minimum` takes 2 values, found 1", None),
        ("$(sqrt(1, 2))", 2, "`sqrt` takes one value, found 2", None),
        ("$(sqr(2))", 2, "there is no function `sqr`", "Did you mean `sqrt`?"),
        ("$(minimum(chanels))", 10, "`chanels` is not known here", "Did you mean `channels`?"),
        ("$(sqr(1/0))", 6, "`1/0` divides by zero", None),
        ("$(flag / 0)", 2, "expected a number for `flag`, found true", None),
        ("$(chanels / 0 + flag)", 2, "`chanels` is not known here", "Did you mean `channels`?"),
        ("$(größe + 1/0)", 10, "`1/0` divides by zero", None),
        ("$(" + "-" * 65 + "1)", 67, "the expression is nested too deeply", None),
        ("$(1 + 2/0)", 6, "`2/0` divides by zero", None),
        ("$(0 ** -1)", 2, "`0 ** -1` divides by zero", None),
        ("$((-8) ** 0.5)", 2, "`(-8) ** 0.5` is not a real number", None),
        ("$(sqrt(-1))", 2, "`sqrt(-1)` is not a finite real number", None),
        ("$(exp(1e9))", 2, "`exp(1e9)` is not a finite real number", None),
        ("$(9 ** 9 ** 9)", 2, "`9 ** 9 ** 9` is too large a number", None),
        ("$(2 ** 64)", 2, "`2 ** 64` is too large a number", None),
        ("$(1e999)", 2, "`1e999` is too large a number", None),
        ("$(1, 2)", 1, "`(1, 2)` is not part of the arithmetic of a spec", ALLOWED),
        ("$(__import__('os'))", 13, "`'` is not part of the arithmetic of a spec", ALLOWED),
        ("$(width.real)", 7, "`.` is not part of the arithmetic of a spec", ALLOWED),
        ("$(size[0])", 6, "`[` is not part of the arithmetic of a spec", ALLOWED),
        ("$(1 < 2)", 4, "`<` is not part of the arithmetic of a spec", ALLOWED),
        ("$(lambda: 1)", 2, "`lambda` is not part of the arithmetic of a spec", ALLOWED),
        ("$(f'{width}')", 3, "`'` is not part of the arithmetic of a spec", ALLOWED),
        ("$(x := 1)", 4, "`:` is not part of the arithmetic of a spec", ALLOWED),
        ("$(True)", 2, "`True` is not part of the arithmetic of a spec", ALLOWED),
        ("$(1 if 1 else 2)", 4, "`if` is not part of the arithmetic of a spec", ALLOWED),
        ("$(not 1)", 2, "`not` is not part of the arithmetic of a spec", ALLOWED),
        ("$(5 % 2)", 4, "`%` is not part of the arithmetic of a spec", ALLOWED),
        ("$(a @ b)", 4, "`@` is not part of the arithmetic of a spec", ALLOWED),
        ("$(1j)", 2, "`1j` is not part of the arithmetic of a spec", ALLOWED),
        ("$(0x10)", 2, "`0x10` is not part of the arithmetic of a spec", ALLOWED),
        ("$(1_000)", 2, "`1_000` is not part of the arithmetic of a spec", ALLOWED),
        ("$(1 # 2)", 4, "`#` is not part of the arithmetic of a spec", ALLOWED),
        ("$(1 \\\n)", 4, "`\\` is not part of the arithmetic of a spec", ALLOWED),
        ("$(²)", 0, "expected arithmetic, found `$(²)`", ALLOWED),
    ],
)
def test_errors(text: str, offset: int, problem: str, hint: str | None) -> None:
    with pytest.raises(Cause) as caught:
        evaluate(text, NAMES)
    assert (caught.value.offset, caught.value.problem, caught.value.hint) == (offset, problem, hint)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("$(" + "(" * 900, "expected at most 64 brackets inside each other"),
        ("$(" + "-" * 1900 + "1)", "the expression is nested too deeply"),
        ("$(" + "2**" * 600 + "2)", "the expression is nested too deeply"),
        ("$(" + "9" * 1000 + ")", f"`{'9' * 57}…` is too large a number"),
        ("$(" + "1+" * 1000 + "1)", "expected at most 2,000 characters of arithmetic, found 2,004"),
        ("$(" + "9**" * 30 + "9)", "`9**9**9` is too large a number"),
    ],
    ids=["brackets", "minuses", "powers", "digits", "characters", "tower"],
)
def test_the_bounds_hold_at_once(text: str, problem: str, yardstick: Yardstick) -> None:
    def refused() -> str:
        with pytest.raises(Cause) as caught:
            evaluate(text, {})
        return caught.value.problem

    assert yardstick.holds(refused, most=50) == problem


@given(st.text(st.sampled_from("0123456789.+-*/() ,eabx_$[]'\"@\n²é"), max_size=60))
def test_any_text_gives_a_number_or_a_cause(body: str) -> None:
    text = f"$({body})"
    try:
        found = evaluate(text, {"a": 2, "b": 3, "x": 0.5})
    except Cause as cause:
        assert 0 <= cause.offset <= len(text)
    else:
        assert isinstance(found, int | float)
        assert math.isfinite(found)


numbers = st.integers(0, 99).map(str) | st.sampled_from(["width", "channels", "1.5", "0.25"])
terms = st.recursive(
    numbers,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner)
        | st.builds("(-{})".format, inner)
    ),
    max_leaves=12,
)


@given(terms)
def test_arithmetic_is_pythons(term: str) -> None:
    code = compile(ast.parse(term, mode="eval"), "test", "eval")
    try:
        expected = eval(code, {"__builtins__": {}}, {"width": 6, "channels": 16})
    except ZeroDivisionError:
        with pytest.raises(Cause, match="divides by zero"):
            evaluate(f"$({term})", NAMES)
        return
    assert len(term) < MAX_LENGTH
    assert evaluate(f"$({term})", NAMES) == pytest.approx(expected)

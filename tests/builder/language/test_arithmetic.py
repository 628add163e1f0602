"""The walker, in a language that counts the marks of a text."""

from __future__ import annotations

import ast

import pytest

from builder.errors import Cause
from builder.language.arithmetic import MAX_DEPTH, SIGNS, GuardedLanguage, Parsed, Walker, parse, tokens

FLAT = GuardedLanguage(
    called="a tally",
    noun="a tally",
    allowed="Allowed: numbers, `+ -` and `sum`.",
    functions={"sum": 2, "of": 1},
    token=tokens(name=r"[^\W\d]\w*", signs="[-+]", brackets=r"[(),]"),
    example="As in `1 + 2`.",
)


class Tally(Walker[list[str]]):
    """What is met, in the order in which it is met."""

    language = FLAT

    def number(self, node: ast.expr, number: int | float) -> list[str]:
        return [str(number)]

    def negative(self, node: ast.expr, operand: list[str]) -> list[str]:
        return [*operand, "negative"]

    def apply(self, node: ast.expr, function: str, *operands: list[str]) -> list[str]:
        return [*(mark for operand in operands for mark in operand), f"{function} at {self.offset(node)}"]


class Nested(Tally):
    language = GuardedLanguage(
        **{
            name: getattr(FLAT, name)
            for name in ("called", "noun", "allowed", "functions", "token", "example")
        },
        flat_sums=False,
        too_deep=("too many", "Fewer."),
    )


def tally(text: str, walker: type[Tally] = Tally) -> list[str]:
    parsed = parse(text, FLAT)
    return walker(parsed).value(parsed.tree)


@pytest.mark.parametrize("walker", [Tally, Nested])
def test_innermost_and_left_first(walker: type[Tally]) -> None:
    assert tally("  1 - 2 + sum(3, -4)", walker) == [
        *("1", "2", "subtract at 2", "3", "4", "negative", "sum at 10", "add at 2"),
    ]


@pytest.mark.parametrize(
    ("text", "offset", "problem", "hint"),
    [
        ("1 + größe", 4, "`größe` is not part of a tally", FLAT.allowed),
        ("größe(1)", 0, "there is no function `größe`", "Known here: `sum`, `of`."),
        ("1 + sun(1, 2)", 4, "there is no function `sun`", "Did you mean `sum`?"),
        ("sum(1)", 0, "`sum` takes 2 values, found 1", None),
        ("sum(x)", 0, "`sum` takes 2 values, found 1", None),
        ("of(1, 2)", 0, "`of` takes one value, found 2", None),
        ("-" * (MAX_DEPTH + 1) + "1", MAX_DEPTH + 1, "the expression is nested too deeply", None),
        ("1" * 2001, 0, "expected at most 2,000 characters of a tally, found 2,001", None),
        ("1 * 2", 2, "`*` is not part of a tally", FLAT.allowed),
        ("(1, 2)", 0, "`(1, 2)` is not part of a tally", FLAT.allowed),
        ("²", 0, "expected a tally, found `²`", FLAT.allowed),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_refused(text: str, offset: int, problem: str, hint: str | None) -> None:
    with pytest.raises(Cause) as caught:
        tally(text)
    assert (caught.value.offset, caught.value.problem, caught.value.hint) == (offset, problem, hint)


def test_a_long_sum_is_nested_only_where_the_language_says_so() -> None:
    long = "+".join("1" * (MAX_DEPTH + 2))
    assert tally(long).count("add at 0") == MAX_DEPTH + 1
    assert tally(long[2:], Nested)
    with pytest.raises(Cause) as caught:
        tally(long, Nested)
    assert (caught.value.problem, caught.value.hint) == ("too many", "Fewer.")


@pytest.mark.parametrize(
    "text", ["True", "None", "'1'", "1j", "[1]", "1 % 2", "1 < 2", "~1", "not 1", "sum(a=1)", "a.b(1)"]
)
def test_what_no_guard_kept_out_is_refused_by_the_walker(text: str) -> None:
    with pytest.raises(Cause, match="is not part of a tally"):
        Tally(Parsed(ast.parse(text, mode="eval").body, text)).value(ast.parse(text, mode="eval").body)


def test_places_count_characters() -> None:
    text = "größe - ä"
    tree = ast.parse(text, mode="eval").body
    assert isinstance(tree, ast.BinOp)
    walker = Tally(Parsed(tree, text, start=3))
    assert (walker.offset(tree.right), walker.text(tree.right)) == (11, "ä")
    assert SIGNS[type(tree.op)] == "subtract"

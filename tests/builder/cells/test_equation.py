"""Equations: the terms they are read to, and where each wrong one is wrong."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.cells.equation import is_matrix, parse
from builder.cells.term import FUNCTIONS, Apply, Constant, Name, Project, Term
from builder.errors import Cause
from builder.language.arithmetic import MAX_LENGTH

X, H = Name("x"), Name("h_prev")
LARGEST = "Numbers are float32, of at most 3.4e38."
FUNCTION_NAMES = (
    "the functions sigmoid, tanh, relu, softplus, softsign, exp, log, abs, sqrt, elu, silu, gelu, "
    "hardsigmoid, hardtanh, identity, minimum, maximum, layer_norm"
)


def apply(function: str, *operands: Term) -> Apply:
    return Apply(function, operands)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("x", X),
        ("1", Constant(1.0)),
        ("-.5e1", Constant(-5.0)),
        ("- -2", Constant(2.0)),
        ("+x", X),
        ("010", Constant(10.0)),
        ("-x", apply("negative", X)),
        ("x + h_prev - 1", apply("subtract", apply("add", X, H), Constant(1.0))),
        ("x - (h_prev - 1)", apply("subtract", X, apply("subtract", H, Constant(1.0)))),
        ("x * h_prev / 2", apply("divide", apply("multiply", X, H), Constant(2.0))),
        ("-x ** 2 ** x", apply("negative", apply("power", X, apply("power", Constant(2.0), X)))),
        ("W @ x", Project("W", (X,))),
        ("i.W_1 @ [h_prev, x]", Project("i.W_1", (H, X))),
        ("W @ x * p", apply("multiply", Project("W", (X,)), Name("p"))),
        ("p * (W @ x)", apply("multiply", Name("p"), Project("W", (X,)))),
        ("W @ (U @ x)", Project("W", (Project("U", (X,)),))),
        ("W @ -x", Project("W", (apply("negative", X),))),
        ("W @ tanh(x)", Project("W", (apply("tanh", X),))),
        ("maximum(x, i.p)", apply("maximum", X, Name("i.p"))),
        ("  tanh (\tx\n)  ", apply("tanh", X)),
        *[
            (f"{name}({', '.join('x' * wanted)})", apply(name, *[X] * wanted))
            for name, wanted in FUNCTIONS.items()
        ],
    ],
)
def test_terms(text: str, term: Term) -> None:
    assert parse(text) == term


@pytest.mark.parametrize(
    "text", ["x * 3.4e38", "x ** -2", "2 ** x", "sqrt(2) * x", "(-1) ** 2 * x", "x / 1e-30"]
)
def test_real_numbers_within_float32_are_read(text: str) -> None:
    assert parse(text)


def test_a_sum_of_many_is_no_nesting() -> None:
    """Nested to the left, as Python nests it, and compared and hashed at any length."""
    term = parse("+".join(["x"] * 1000))
    again = parse("+".join(["x"] * 999) + "+y")
    assert isinstance(term, Apply) and term.operands[1] == X
    assert term == parse("+".join(["x"] * 1000)) and term != again
    depth = 0
    while isinstance(term, Apply):
        term, depth = term.operands[0], depth + 1
    assert depth == 999 and term == X


def test_terms_know_where_they_stood() -> None:
    term = parse("  p + W @ [x, tanh(h_prev)]")
    assert isinstance(term, Apply)
    first, product = term.operands
    assert isinstance(product, Project)
    assert [term.offset, first.offset, product.offset] == [2, 2, 6]
    assert [operand.offset for operand in product.operands] == [11, 14]


@pytest.mark.parametrize(
    ("text", "offset", "problem"),
    [
        ("", 0, "expected a value"),
        ("x +", 3, "expected a value after `+`"),
        ("x ? 1", 2, "`?` is not part of an equation"),
        ("__import__('os')", 0, "`__import__` is not part of an equation"),
        ("x.__class__", 1, "`.` is not part of an equation"),
        ("i.W.T @ x", 3, "`.` is not part of an equation"),
        ("x == 1", 2, "`=` is not part of an equation"),
        ("1 < x", 2, "`<` is not part of an equation"),
        ("x ^ 2", 2, "`^` is not part of an equation"),
        ("x if x else 1", 2, "`if` is not part of an equation"),
        ("tanh((x)", 4, "this `(` is not closed"),
        ("W @ [x", 4, "this `[` is not closed"),
        ("(x]", 2, "this `]` closes nothing"),
        ("x)", 1, "this `)` closes nothing"),
        ("x + 1e999", 4, "`1e999` is too large a number"),
        ("x + " + "9" * 400, 4, f"`{'9' * 57}…` is too large a number"),
        ("tanh(W @ x) * 1e39", 14, "`1e39` is too large a number"),
        ("1 - 3.5e38 * x", 4, "`3.5e38` is too large a number"),
        ("x + 3e38 * 10 * x", 4, "`3e38 * 10` is too large a number"),
        ("1 + exp(89) * x", 4, "`exp(89)` is too large a number"),
        ("1 + log(0) * x", 4, "`log(0)` is not a finite real number"),
        ("sqrt(-1) + x", 0, "`sqrt(-1)` is not a finite real number"),
        ("1 + (1 - 2) ** 0.5", 4, "`(1 - 2) ** 0.5` is not a finite real number"),
        ("1 + (-1) ** x", 4, "`(-1) ** x` is not a real number for every exponent"),
        ("x / (1 - 1)", 0, "`x / (1 - 1)` divides by zero"),
        ("x / log(1)", 0, "`x / log(1)` divides by zero"),
        ("x / 1e-50", 0, "`x / 1e-50` divides by zero"),
        ("1 + x / 0", 4, "`x / 0` divides by zero"),
        ("x / -0.0", 0, "`x / -0.0` divides by zero"),
        ("1 + tanh(x, x)", 4, "`tanh` takes one value, found 2"),
        ("maximum(x)", 0, "`maximum` takes 2 values, found 1"),
        ("tanh()", 5, "expected a value before `)`"),
        ("1 + sigmod(x)", 4, "there is no function `sigmod`"),
        ("x @ W", 0, "`x` stands left of `@`, where a weight matrix must stand"),
        ("1 + 2 @ x", 4, "`2` stands left of `@`, where a weight matrix must stand"),
        ("r * U @ x", 0, "`r * U` stands left of `@`, where a weight matrix must stand"),
        ("1 + W", 4, "`W` is a weight matrix and stands only left of `@`"),
        ("x * i.W", 4, "`i.W` is a weight matrix, and `*` works value by value"),
        ("W @ U", 4, "`@` has a vector on its right, and `U` is a weight matrix"),
        ("1 + [x]", 4, "a list stands only right of `@`"),
        ("W @ [x, [x]]", 8, "a list stands only right of `@`"),
        ("x, x", 0, "expected one value, found several between commas"),
        ("W @ (x, x)", 4, "expected a value or a list"),
        ("x[0]", 1, "expected a sign before `[`"),
        ("2 x", 2, "expected a sign before `x`"),
        ("x // 2", 3, "expected a value before `/`"),
        ("tanh(x)(x)", 7, "expected a sign before `(`"),
        ("x" * 100_000, 0, "expected at most 2,000 characters of an equation, found 100,000"),
        ("1 + (" * 60 + "-" * 9 + "x" + ")" * 60, 305, "more than 64 operations inside each other"),
        ("-" * 999 + "x", 65, "more than 64 operations inside each other"),
        ("(" * 65 + "x" + ")" * 65, 64, "expected at most 64 brackets inside each other"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_ones(text: str, offset: int, problem: str) -> None:
    with pytest.raises(Cause) as caught:
        parse(text)
    assert (caught.value.offset, caught.value.problem) == (offset, problem)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x @ W", "A matrix stands left: `W @ x`."),
        ("2 @ x", "A weight matrix has a capital initial, and a vector stands on its right: `W @ x`."),
        ("r * U @ h_prev", "Use brackets: `r * (U @ h_prev)`."),
        ("-W @ x", "Use brackets: `-(W @ x)`."),
        ("w @ x", "A weight matrix has a capital initial: `W @ x`."),
        ("W * (x + 1)", "Write `W @ (x + 1)`."),
        ("W(x)", "A weight matrix multiplies with `@`: `W @ x`."),
        ("W([x, h])", "A weight matrix multiplies with `@`: `W @ [x, h]`."),
        ("W @ (x, h)", "Square brackets concatenate: `W @ [x, h]`."),
        ("torch.tanh(x)", "Write `tanh`."),
        ("σ(x)", "Write `sigmoid`."),
        ("W(x + 1)", "A weight matrix multiplies with `@`: `W @ (x + 1)`."),
        ("W(x, h)", "A weight matrix multiplies with `@`: `W @ [x, h]`."),
        ("torch.tahn(x)", "Did you mean `tanh`?"),
        ("sigmod(x)", "Did you mean `sigmoid`?"),
        ("nothing_like_it(x)", f"There are {FUNCTION_NAMES}."),
        ("C_prev", "Write `c_prev`."),
        ("W", "As in `W @ x`."),
        ("[x]", "As in `W @ [h_prev, x]`."),
        ("x, x", "Concatenate: `W @ [h_prev, x]`."),
        ("-" * 999 + "x", "Give a part of it to a gate."),
        ("x * 1e39", LARGEST),
        ("exp(89) * x", LARGEST),
        ("x / 1e-50", "Numbers are float32: what is below 1e-45 is zero."),
        ("(-1) ** x", "A power that varies needs a base of at least 0."),
        ("_x", "A name begins with a letter."),
        ("²", f"Allowed: numbers, names, `+ - * / @ **`, brackets, and {FUNCTION_NAMES}."),
        ("x / 0", None),
        ("sqrt(-1)", None),
        ("tanh(x, [x])", None),
        ("W @ U", None),
    ],
)
def test_hints(text: str, hint: str | None) -> None:
    with pytest.raises(Cause) as caught:
        parse(text)
    assert caught.value.hint == hint


def test_what_is_a_matrix() -> None:
    assert [is_matrix(name) for name in ("W", "h.U_1", "w", "h.u", "bW")] == [True, True, False, False, False]


WORDS = st.sampled_from(
    [
        *"xhWUb+-*/@()[],.^=<1",
        "**",
        " ",
        "h_prev",
        "i.W",
        "tanh",
        "maximum",
        "1e9",
        "0",
        "lambda",
        "__",
        "σ",
        "\n",
        "'",
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=60).map("".join)))
def test_any_text_is_a_term_or_a_cause_within_it(text: str) -> None:
    start = time.perf_counter()
    try:
        parse(text)
    except Cause as cause:
        assert 0 <= cause.offset <= len(text)
        assert cause.problem
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("sign", ["+x", "-", "(", "[", "tanh(", "W@", "**2", ",x", "1 ", "x.", "+ "])
def test_long_texts_are_fast(sign: str) -> None:
    start = time.perf_counter()
    for text in (sign * MAX_LENGTH, ("x" + sign * MAX_LENGTH)[:MAX_LENGTH]):
        with pytest.raises(Cause):
            parse(text)
    assert time.perf_counter() - start < 2

"""Derivatives as terms, held against torch.autograd on random terms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from builder.cells.plan.derivative import (
    INTERNAL,
    ONE,
    ZERO,
    add,
    derivative,
    divide,
    multiply,
    negative,
    subtract,
)
from builder.cells.term import FUNCTIONS, OPERATORS, Apply, Constant, Read, Term
from builder.runtime.cells.plain import MEANING
from builder.runtime.cells.pointwise import INTO

X, Y = Read("x"), Read("y")
UNARY = sorted(
    name
    for name, count in {**FUNCTIONS, **OPERATORS}.items()
    if count == 1 and name not in ("layer_norm", "log", "sqrt")
)
BINARY = ["add", "subtract", "multiply", "minimum", "maximum"]

terms: st.SearchStrategy[Term] = st.recursive(
    st.sampled_from([X, Y, ZERO, ONE, Constant(-1.0), Constant(0.5), Constant(2.0)]),
    lambda inner: st.one_of(
        st.builds(lambda f, a: Apply(f, (a,)), st.sampled_from(UNARY), inner),
        st.builds(lambda f, a, b: Apply(f, (a, b)), st.sampled_from(BINARY), inner, inner),
    ),
    max_leaves=8,
)


def evaluated(term: Term, values: dict[Term, Tensor]) -> Tensor:
    """A term's value, what derivatives are made of included."""
    if isinstance(term, Constant):
        return torch.tensor(term.value, dtype=torch.float64)
    if not isinstance(term, Apply):
        return values[term]
    operands = torch.broadcast_tensors(*(evaluated(one, values) for one in term.operands))
    if term.function not in INTERNAL:
        return MEANING[term.function](*operands)
    return INTO[term.function](torch.empty_like(operands[0]), *operands)


def both(term: Term, x: float, y: float) -> tuple[float, float]:
    """∂term/∂x as we write it, and as autograd finds it."""
    values: dict[Term, Tensor] = {
        name: torch.full((1,), value, dtype=torch.float64, requires_grad=True)
        for name, value in ((X, x), (Y, y))
    }
    whole = evaluated(term, values)
    with torch.no_grad():
        ours = evaluated(derivative(term, X), values).expand(1)
    if not whole.requires_grad:
        return ours.item(), 0.0
    (theirs,) = torch.autograd.grad(whole.sum(), values[X], allow_unused=True)
    return ours.item(), 0.0 if theirs is None else theirs.item()


numbers = st.floats(-3, 3).filter(lambda value: value == 0 or abs(value) > 1e-3)


@given(terms, numbers, numbers)
def test_random_terms_as_autograd(term: Term, x: float, y: float) -> None:
    ours, theirs = both(term, x, y)
    if abs(theirs) < 1e12:
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("function", sorted({*FUNCTIONS, *OPERATORS} - {"layer_norm"}))
@pytest.mark.parametrize("inner", [X, Apply("multiply", (X, Constant(0.7)))])
def test_every_function_as_autograd(function: str, inner: Term) -> None:
    count = {**FUNCTIONS, **OPERATORS}[function]
    positive = function in ("log", "sqrt", "power")
    for x in (0.2, 0.9, 2.5) if positive else (-4.0, -0.9, -0.2, 0.3, 0.9, 25.0):
        for term in [Apply(function, (inner,))] if count == 1 else [
            Apply(function, (inner, Y)),
            Apply(function, (Y, inner)),
            Apply(function, (inner, inner)),
        ]:  # fmt: skip
            ours, theirs = both(term, x, 1.7)
            assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-10), (term, x)


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 1.0, 2.0, 3.0])
def test_whole_powers_of_negative_numbers(exponent: float) -> None:
    ours, theirs = both(Apply("power", (X, Constant(exponent))), -1.5, 0.0)
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("function", ["relu", "abs", "minimum", "maximum"])
def test_corners_as_torch_takes_them(function: str) -> None:
    term = Apply(function, (X,) if FUNCTIONS[function] == 1 else (X, Y))
    ours, theirs = both(term, 0.0, 0.0)
    assert ours == theirs


def test_zero_one_and_constants_fold() -> None:
    assert add(ZERO, X) == add(X, ZERO) == X
    assert subtract(X, ZERO) == multiply(ONE, X) == multiply(X, ONE) == divide(X, ONE) == X
    assert multiply(ZERO, X) == multiply(X, ZERO) == divide(ZERO, X) == ZERO
    assert subtract(ZERO, X) == negative(X) == multiply(Constant(-1.0), X) == Apply("negative", (X,))
    assert negative(negative(X)) == X
    assert add(X, negative(Y)) == subtract(X, Y)
    assert add(Constant(2.0), Constant(3.0)) == Constant(5.0)
    assert divide(Constant(1.0), Constant(4.0)) == Constant(0.25)


def test_through_the_function_s_own_value() -> None:
    s, t = Apply("sigmoid", (X,)), Apply("tanh", (X,))
    assert derivative(s, X) == Apply("multiply", (s, Apply("subtract", (ONE, s))))
    assert derivative(t, X) == Apply("subtract", (ONE, Apply("multiply", (t, t))))


def test_what_is_not_read_has_no_derivative() -> None:
    assert derivative(Apply("sigmoid", (Y,)), X) == ZERO
    assert derivative(Read("x", previous=True), X) == ZERO

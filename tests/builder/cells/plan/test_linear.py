"""Lines in a value of the step before, and what is none."""

from __future__ import annotations

import pytest

from builder.cells.equation import parse
from builder.cells.plan.derivative import ONE, ZERO
from builder.cells.plan.linear import line
from builder.cells.term import Apply, Constant, Name, Read, Term, rewritten

H = Read("h", previous=True)


def read(text: str) -> Term:
    """An equation over x, the value of the step before, and the gates g, k."""

    def change(one: Term) -> Term:
        if isinstance(one, Name):
            return H if one.text == "h_prev" else Read(one.text)
        return one

    return rewritten(parse(text), change)


@pytest.mark.parametrize(
    ("text", "factor", "rest"),
    [
        ("x", ZERO, Read("x")),
        ("h_prev", ONE, ZERO),
        ("x * h_prev", Read("x"), ZERO),
        ("x - h_prev / x", read("-(1 / x)"), Read("x")),
        ("h_prev * 2 + x + h_prev", Constant(3.0), Read("x")),
        ("tanh(x) * (h_prev + x)", read("tanh(x)"), read("x * tanh(x)")),
    ],
)
def test_lines(text: str, factor: Term, rest: Term) -> None:
    found = line({"h": read(text)}, H, lambda term: term)
    assert found is not None
    assert found == (factor, rest)


@pytest.mark.parametrize(
    "text",
    [
        "h_prev * h_prev",
        "x / h_prev",
        "tanh(h_prev)",
        "layer_norm(h_prev)",
        "minimum(h_prev, x)",
        "x ** h_prev",
    ],
)
def test_no_lines(text: str) -> None:
    assert line({"h": read(text)}, H, lambda term: term) is None


def test_what_a_gate_gives_is_written_once() -> None:
    """Gates that double each other a hundred times are hoisted as they are, not written out."""
    terms = {"g0": read("x * h_prev + x")}
    terms |= {f"g{k}": Apply("add", (Read(f"g{k - 1}"), Read(f"g{k - 1}"))) for k in range(1, 100)}
    hoisted: list[Term] = []

    def hoist(term: Term) -> Term:
        if not isinstance(term, Apply):
            return term
        hoisted.append(term)
        return Read(f"#{len(hoisted)}")

    assert line({**terms, "h": Read("g99")}, H, hoist) is not None
    assert len(hoisted) == 2 * 99

"""Spellings that must come to one form, and others that must not."""

from __future__ import annotations

import re

import pytest

from builder.cells.meaning.normal_form import LARGEST, NormalForm, Polynomial, TooLarge
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text


def form(equation: str) -> Polynomial:
    vectors = ", ".join(f"{name}: vector" for name in "pq" if re.search(rf"\b{name}\b", equation))
    declared = f"parameters: {{{vectors}}}, " if vectors else ""
    text = f"A: {{states: [h], {declared}update: {{h: '{equation}'}}}}"
    report = Report()
    cell = read_cells(read_text(text).root, report)["A"]
    assert cell is not None, report.errors
    return NormalForm(cell).values["h"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 - sigmoid(W @ x)", "sigmoid(-(W @ x))"),
        ("tanh(-(W @ x))", "-tanh(W @ x)"),
        ("1 / (1 + exp(-(W @ x)))", "sigmoid(W @ x)"),
        ("p * (W @ x + q)", "q * p + (W @ x) * p"),
        ("W @ (p * x + q * x)", "W @ (q * x) + W @ (p * x)"),
        ("(W @ x) ** 2", "(W @ x) * (W @ x)"),
        ("maximum(W @ x, 0)", "relu(W @ x)"),
        ("silu(W @ x)", "(W @ x) * sigmoid(W @ x)"),
        ("abs(W @ x - p)", "abs(p - W @ x)"),
        ("minimum(p, W @ x)", "minimum(W @ x, p)"),
        ("(W @ x) / 4", "0.25 * (W @ x)"),
    ],
)
def test_one_form(one: str, other: str) -> None:
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("W @ (p * x)", "p * (W @ x)"),
        ("W @ [x, h_prev]", "W @ [h_prev, x]"),
        ("softplus(-(W @ x))", "-softplus(W @ x)"),
        ("layer_norm(2 * (W @ x))", "layer_norm(W @ x)"),
    ],
)
def test_two_forms(one: str, other: str) -> None:
    assert form(one) != form(other)


def test_sums_that_grow_are_refused() -> None:
    product = " * ".join(f"(A{k} @ x + B{k} @ x + C{k} @ x)" for k in range(7))
    assert LARGEST < 3**7
    with pytest.raises(TooLarge):
        form(product)

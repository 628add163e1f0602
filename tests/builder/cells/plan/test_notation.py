"""Plans as text, read back as the equations that they stand for. The examples are in the docstrings of the room."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from builder.cells.cell import Cell
from builder.cells.equation import parse
from builder.cells.plan.loop import Loop
from builder.cells.plan.notation import backward_lines, formula, forward_lines, region_lines
from builder.cells.plan.program import compile_cell


@pytest.mark.parametrize(
    "text",
    [
        "f * c_prev + i * g",
        "(1 - z) * h_prev",
        "-(x ** 2) / (1 + exp(x))",
        "maximum(x, 0.5) * tanh(h_prev)",
        "a - (b - c)",
    ],
)
def test_a_formula_reads_to_its_term(text: str) -> None:
    term = parse(text)
    assert parse(formula(term)) == term


def test_a_matrix_on_several_operands() -> None:
    assert formula(parse("W @ [h_prev, x]")) == "W @ [h_prev, x]"


def test_every_kind_of_line(cell: Callable[..., Cell]) -> None:
    made = cell(
        "{states: [h], gates: {r: sigmoid(W @ x + b), z: sigmoid(layer_norm(U @ h_prev) + V @ x)},"
        " update: {h: (1 - z) * h_prev + z * tanh(V @ x + U @ (r * h_prev))}}"
    )
    whole, loop = compile_cell(made).regions
    assert list(region_lines(whole)) == [
        "[@0.0; @0.1] = [r.W; z.V] @ x + [r.b; 0]",
        "r = sigmoid(@0.0)",
        "#0 = @0.1",
    ]
    assert isinstance(loop, Loop)
    assert list(region_lines(loop)) == ["loop: h"]
    assert list(forward_lines(loop)) == [
        "before: @1 += h.V @ x",
        "@0 += z.U @ h_prev",
        "%0 = layer_norm(@0)",
        "%3 = r * h_prev",
        "@1 += h.U @ %3",
        "%1 = #0 + %0",
        "%6 = tanh(@1)",
        "z = sigmoid(%1)",
        "h = h_prev + z * (%6 - h_prev)",
    ]
    assert list(backward_lines(loop)) == [
        "at once: %4 = 1 - z",
        "at once: ∂@1 = %9 = tanh_backward(z, %6)",
        "at once: %11 = %6 - h_prev",
        "at once: %12 = sigmoid_backward(%11, z)",
        "∂@1 *= ∂h",
        "∂h_prev += %4 * ∂h",
        "∂%0 = %12 * ∂h",
        "∂%3 = h.Uᵀ @ ∂@1",
        "∂h_prev += r * ∂%3",
        "∂@0 = norm(%0, ∂%0)",
        "∂h_prev += z.Uᵀ @ ∂@0",
        "late: ∂r += h_prev * ∂%3",
        "late: ∂#0 += %12 * ∂h",
    ]

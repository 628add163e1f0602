"""What is said of layers: products, recurrence, equality, and figures that torch's own modules have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from builder import loads
from builder.cells.cell import Cell
from builder.cells.shipped import shipped, shipped_cell
from builder.explanation import MEANING, Product, explain, explain_cell


def library(name: str) -> Cell:
    cell = shipped_cell(name)
    assert cell is not None
    return cell


def products(name: str) -> tuple[Product, ...]:
    return explain_cell(library(name), 128, 128).products


def test_which_products_are_done_when() -> None:
    assert products("VanillaLSTM") == (
        Product("once", ("W_i", "W_f", "W_o", "W_g"), "xₜ"),
        Product("step", ("U_i", "U_f", "U_o", "U_g"), "hₜ₋₁"),
    )
    assert products("ChoGRU") == (
        Product("once", ("W_r", "W_z", "W_n"), "xₜ"),
        Product("step", ("U_r", "U_z"), "hₜ₋₁"),
        Product("within", ("U_n",), "(rₜ ⊙ hₜ₋₁)"),
    )
    assert products("QRNN") == (Product("once", ("W_z", "W_f", "W_o"), "xₜ"),)
    assert str(products("ChoGRU")[2]) == "U_n (rₜ ⊙ hₜ₋₁)"
    assert str(products("ChoGRU")[1]) == "[U_r U_z] hₜ₋₁"


@pytest.mark.parametrize("name", shipped())
def test_every_matrix_of_every_library_cell_is_in_a_product(name: str) -> None:
    cell = library(name)
    found = explain_cell(cell, 128, 128)
    packed = sum(len(product.matrices) for product in found.products)
    columns = sum(len(one.columns) for one in cell.parameters.values() if one.kind == "matrix")
    assert packed == columns
    assert len(found.equations) == len(cell.equations)
    assert found.meaning == MEANING[found.recurrence]
    assert (
        "%" not in str(found.products) and "@" not in str(found.products) and "#" not in str(found.products)
    )


@pytest.mark.parametrize(
    ("name", "recurrence", "equals"),
    [
        ("ElmanRNN", "matrix", "nn.RNN"),
        ("VanillaLSTM", "matrix", "nn.LSTM"),
        ("NP", "matrix", "nn.LSTM"),
        ("ChoGRU", "matrix", None),
        ("PeepholeLSTM", "matrix", None),
        ("IndRNN", "elementwise", None),
        ("MinGRU", "linear", None),
    ],
)
def test_recurrence_and_equality(name: str, recurrence: str, equals: str | None) -> None:
    found = explain_cell(library(name), 128, 128)
    assert (found.recurrence, found.equals) == (recurrence, equals)
    assert bool(found.differs) == (equals is None)


def test_what_differs() -> None:
    (difference,) = explain_cell(library("CoupledLSTM"), 128, 128).differs
    assert difference == "its gates are coupled: one decides what `c` forgets and what it takes in"


def test_cost_beside_torchs() -> None:
    """Parameters as torch counts them, of layers stacked and read both ways."""
    spec = loads(
        "input: [T, 24]\nlayers:\n"
        "  - {name: a, LSTM: {hidden_size: 16, num_layers: 2, bidirectional: true}}\n"
        "  - {name: b, PeepholeLSTM: {hidden_size: 16, num_layers: 2, bidirectional: true}}\n"
    )
    first, second = (one.cell for one in explain(spec.graph))
    assert first is not None and second is not None
    torchs = nn.LSTM(24, 16, num_layers=2, bidirectional=True)
    count = sum(parameter.numel() for parameter in torchs.parameters())
    assert first.cost.parameters == first.cost.lstm_parameters == count
    assert first.cost.multiply_adds == first.cost.lstm_multiply_adds
    assert first.cost.ratios == (1, 1)
    own = spec.graph.by_name["b"]
    assert second.cost.parameters == own.parameters
    assert second.cost.multiply_adds == own.multiply_adds
    assert second.cost.ratios[1] == 1


def test_layers_without_equations() -> None:
    spec = loads(
        "input: [T, 24]\nlayers:\n"
        "  - {name: narrow, LSTM: {hidden_size: 16, proj_size: 4}}\n"
        "  - {name: relu, RNN: {hidden_size: 16, nonlinearity: relu}}\n"
        "  - {name: end, Select: -1}\n"
        "  - {name: head, Linear: 2}\n"
    )
    narrow, relu, end, head = explain(spec.graph)
    assert narrow.cell is None and end.cell is None and head.cell is None
    assert head.how == "16·2 + 2 = 34"
    assert relu.cell is not None
    assert relu.cell.equations == ("hₜ = ReLU(Wᵢₕ xₜ + bᵢₕ + Wₕₕ hₜ₋₁ + bₕₕ)",)
    assert relu.cell.equals == "nn.RNN with relu"


def test_a_product_with_what_was_made_in_between(cell: Callable[..., Cell]) -> None:
    """An operand that has no name of its own is spelled out; what depends on x alone is done once."""
    own = cell(
        "states: [h]\ngates:\n  e: tanh(W @ x)\nupdate:\n  h: tanh(V @ (e * 2) + U @ (h_prev * e + 1) + R @ h_prev)\n"
    )
    found = explain_cell(own, 8, 16).products
    assert {(one.when, one.operand) for one in found} == {
        ("once", "xₜ"), ("once", "(eₜ·2)"), ("step", "hₜ₋₁"), ("step", "(1 + hₜ₋₁ ⊙ eₜ)"),
    }  # fmt: skip

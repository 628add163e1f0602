"""Equations as a lecture writes them, whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from builder.cells.cell import Cell
from builder.cells.meaning.recognition import torch_cells
from builder.cells.shown.typeset import typeset

ReadCell = Callable[[str], Cell]

LSTM = """
states: [h, c]
gates:
  i: sigmoid(W @ x + U @ h_prev + b)
  f: sigmoid(W @ x + U @ h_prev + b)
  g: tanh(W @ x + U @ h_prev + b)
  o: sigmoid(W @ x + U @ h_prev + b)
update:
  c: f * c_prev + i * g
  h: o * tanh(c)
"""
SLIDES = """
states: [h, c]
gates:
  f: sigmoid(W_f @ [h_prev, x] + b_f)
  i: sigmoid(W_i @ [h_prev, x] + b_i)
  c_tilde: tanh(W_c @ [h_prev, x] + b_c)
  o: sigmoid(W_o @ [h_prev, x] + b_o)
update:
  c: f * c_prev + i * c_tilde
  h: o * tanh(c)
"""
PEEPHOLE = """
states: [h, c]
parameters: {p: vector}
gates:
  i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
  f: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
  g: tanh(W @ x + U @ h_prev + b)
  o: sigmoid(W @ x + U @ h_prev + p * c + b)
update:
  c: f * c_prev + i * g
  h: o * tanh(c)
"""
CHO = """
states: [h]
gates:
  r: sigmoid(W @ x + U @ h_prev + b)
  z: sigmoid(W @ x + U @ h_prev + b)
  n: tanh(W @ x + U @ (r * h_prev) + b)
update: {h: z * h_prev + (1 - z) * n}
"""


def test_lstm(cell: ReadCell) -> None:
    assert typeset(cell(LSTM)) == (
        "iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i)",
        "fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)",
        "gₜ = tanh(W_g xₜ + U_g hₜ₋₁ + b_g)",
        "oₜ = σ(W_o xₜ + U_o hₜ₋₁ + b_o)",
        "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ",
        "hₜ = oₜ ⊙ tanh(cₜ)",
    )


def test_lstm_of_the_slides(cell: ReadCell) -> None:
    assert typeset(cell(SLIDES)) == (
        "fₜ = σ(W_f [hₜ₋₁; xₜ] + b_f)",
        "iₜ = σ(W_i [hₜ₋₁; xₜ] + b_i)",
        "c̃ₜ = tanh(W_c [hₜ₋₁; xₜ] + b_c)",
        "oₜ = σ(W_o [hₜ₋₁; xₜ] + b_o)",
        "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ c̃ₜ",
        "hₜ = oₜ ⊙ tanh(cₜ)",
    )


def test_peephole(cell: ReadCell) -> None:
    assert set(typeset(cell(PEEPHOLE))) == {
        "iₜ = σ(W_i xₜ + U_i hₜ₋₁ + p_i ⊙ cₜ₋₁ + b_i)",
        "fₜ = σ(W_f xₜ + U_f hₜ₋₁ + p_f ⊙ cₜ₋₁ + b_f)",
        "gₜ = tanh(W_g xₜ + U_g hₜ₋₁ + b_g)",
        "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ",
        "oₜ = σ(W_o xₜ + U_o hₜ₋₁ + p_o ⊙ cₜ + b_o)",
        "hₜ = oₜ ⊙ tanh(cₜ)",
    }


def test_gru_of_cho_and_of_torch(cell: ReadCell) -> None:
    assert typeset(cell(CHO)) == (
        "rₜ = σ(W_r xₜ + U_r hₜ₋₁ + b_r)",
        "zₜ = σ(W_z xₜ + U_z hₜ₋₁ + b_z)",
        "nₜ = tanh(W_n xₜ + U_n (rₜ ⊙ hₜ₋₁) + b_n)",
        "hₜ = zₜ ⊙ hₜ₋₁ + (1 − zₜ) ⊙ nₜ",
    )
    assert typeset(torch_cells()["GRU"]) == (
        "rₜ = σ(W_{ih,r} xₜ + b_{ih,r} + W_{hh,r} hₜ₋₁ + b_{hh,r})",
        "zₜ = σ(W_{ih,z} xₜ + b_{ih,z} + W_{hh,z} hₜ₋₁ + b_{hh,z})",
        "nₜ = tanh(W_{ih,n} xₜ + b_{ih,n} + rₜ ⊙ (W_{hh,n} hₜ₋₁ + b_{hh,n}))",
        "hₜ = (1 − zₜ) ⊙ nₜ + zₜ ⊙ hₜ₋₁",
    )


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        ("tanh(W @ x + U @ h_prev + b)", "tanh(W xₜ + U hₜ₋₁ + b)"),
        ("tanh(W_i @ x + U_h @ h_prev)", "tanh(Wᵢ xₜ + Uₕ hₜ₋₁)"),
        ("h_prev - (x - b) - b", "hₜ₋₁ − (xₜ − b) − b"),
        ("(h_prev + x) * b", "(hₜ₋₁ + xₜ) ⊙ b"),
        ("h_prev / (x * b) / b", "hₜ₋₁ / (xₜ ⊙ b) / b"),
        ("-h_prev * x", "−hₜ₋₁ ⊙ xₜ"),
        ("-(h_prev * x)", "−(hₜ₋₁ ⊙ xₜ)"),
        ("h_prev + -x", "hₜ₋₁ + (−xₜ)"),
        ("(-h_prev) ** 2 + x ** 0.5", "(−hₜ₋₁)² + xₜ^(0.5)"),
        ("0.5 * h_prev + a * x", "0.5·hₜ₋₁ + a·xₜ"),
        ("alpha * h_prev + abs(x)", "α ⊙ hₜ₋₁ + |xₜ|"),
        ("maximum(h_prev, relu(x)) + sqrt(h_prev + 1)", "max(hₜ₋₁, ReLU(xₜ)) + √(hₜ₋₁ + 1)"),
        ("layer_norm(W @ (h_prev + x))", "LayerNorm(W (hₜ₋₁ + xₜ))"),
        ("W @ tanh(h_prev) + identity(x)", "W tanh(hₜ₋₁) + xₜ"),
    ],
)
def test_brackets_show_the_order_and_no_more(equation: str, text: str, cell: ReadCell) -> None:
    parameters = "{a: scalar}" if "a * x" in equation else "{alpha: vector}" if "alpha" in equation else "{}"
    read = cell(f"states: [h]\nparameters: {parameters}\nupdate:\n  h: {equation!r}")
    assert typeset(read) == (f"hₜ = {text}",)

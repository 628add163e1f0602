"""Integrated gradients: w·(x − b) of what is linear, in closed form of what is not, and complete."""

from __future__ import annotations

import pytest
import torch

from builder.attributions.attribution import Asked
from builder.attributions.integrated_gradients import IntegratedGradients

pytest.importorskip("captum")

W = torch.tensor([3.0, -2.0, 0.5])
X = torch.tensor([[1.0, 2.0, -4.0]])


def test_of_a_linear_function_they_are_weights_times_way() -> None:
    baseline = torch.tensor([[0.5, 0.0, 0.0]])
    found = IntegratedGradients().attribute(Asked(lambda x: x @ W, X, baseline, "table"))
    torch.testing.assert_close(found.values, (W * (X - baseline))[0])
    assert found.change == pytest.approx(float(((X - baseline) @ W).sum()))
    assert found.delta == pytest.approx(0, abs=1e-5)


def test_the_baseline_can_be_named() -> None:
    asked = Asked(lambda x: x @ W, X, torch.zeros(1, 3), "table")
    found = IntegratedGradients(baseline=1.0).attribute(asked)
    torch.testing.assert_close(found.values, (W * (X - 1))[0])


@pytest.mark.parametrize("at_once", [3, 1000])
def test_they_share_out_a_product_as_the_integral_does(at_once: int) -> None:
    """Of x·y² from 0: ∫ (αy)²·x dα = xy²/3 for x, and 2xy²/3 for y."""
    asked = Asked(
        lambda x: x[:, 0] * x[:, 1] ** 2,
        torch.tensor([[2.0, 3.0]]),
        torch.zeros(1, 2),
        "table",
        at_once=at_once,
    )
    found = IntegratedGradients(steps=20).attribute(asked)
    torch.testing.assert_close(found.values, torch.tensor([6.0, 12.0]))
    assert found.change == pytest.approx(18)


def test_too_few_steps_show_in_what_the_sum_has_too_much() -> None:
    asked = Asked(
        lambda x: (20 * x).sigmoid().sum(1), torch.tensor([[3.0]]), torch.full((1, 1), -2.0), "table"
    )
    coarse, fine = (IntegratedGradients(steps=n).attribute(asked) for n in (3, 300))
    assert coarse.delta is not None and fine.delta is not None
    assert abs(coarse.delta) > 0.05 > 1e-3 > abs(fine.delta)
    assert float(coarse.values.sum()) == pytest.approx((coarse.change or 0) + coarse.delta, abs=1e-5)

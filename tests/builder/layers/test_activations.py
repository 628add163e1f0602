from __future__ import annotations

import math

import pytest
import torch

from builder.errors import Cause
from builder.layer import Layer, layers
from builder.layers import activations
from builder.shapes import TensorType

PHI_1 = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
SIGMA_1 = 1 / (1 + math.exp(-1))


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (activations.ReLU(), -2, 0),
        (activations.LeakyReLU(negative_slope=0.2), -2, -0.4),
        (activations.PReLU(init=0.1), -2, -0.2),
        (activations.ELU(alpha=2), -1, 2 * (math.exp(-1) - 1)),
        (activations.SELU(), 1, 1.0507009873554805),
        (activations.GELU(), 1, PHI_1),
        (activations.GELU(approximate="tanh"), 1, 0.8411919906082768),
        (activations.SiLU(), 1, SIGMA_1),
        (activations.Mish(), 1, math.tanh(math.log(1 + math.e))),
        (activations.Sigmoid(), 1, SIGMA_1),
        (activations.Tanh(), 1, math.tanh(1)),
        (activations.Softplus(beta=2), 1, math.log(1 + math.exp(2)) / 2),
        (activations.Softplus(threshold=0.5), 1, 1),
        (activations.Softsign(), -3, -0.75),
        (activations.Hardtanh(min_val=-2, max_val=3), 5, 3),
        (activations.Hardswish(), 1, 4 / 6),
        (activations.Hardsigmoid(), 1, 4 / 6),
    ],
    ids=repr,
)
def test_values_by_hand(layer: Layer, x: float, y: float) -> None:
    found = layer.build({})(torch.tensor([[x]], dtype=torch.float32))
    assert found.item() == pytest.approx(y, rel=1e-6)


def test_the_family_is_the_languages() -> None:
    named = {name for name in layers if layers.module_of(name) == activations.__name__}
    assert named == {
        "ReLU", "LeakyReLU", "PReLU", "ELU", "SELU", "GELU", "SiLU", "Mish", "Sigmoid",
        "Tanh", "Softplus", "Softsign", "Hardtanh", "Hardswish", "Hardsigmoid", "Softmax", "LogSoftmax",
    }  # fmt: skip


def test_softmax_sums_to_one_along_its_axis() -> None:
    x = torch.randn(2, 3, 4)
    assert activations.Softmax(dim=1).build({})(x).sum(1) == pytest.approx(torch.ones(2, 4))
    logs = activations.LogSoftmax(dim=-1).build({})(x)
    assert logs.exp().sum(-1) == pytest.approx(torch.ones(2, 3))


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((10,), "Write `Softmax: 1` for the classes of a vector; axis 0 is the batch."),
        ((10, 8, 8), "Write `Softmax: 1` for the channels; axis 0 is the batch."),
    ],
)
def test_softmax_without_an_axis_says_which_to_write(shape: tuple[int, ...], hint: str) -> None:
    with pytest.raises(Cause) as caught:
        activations.Softmax().infer(TensorType(shape))
    assert caught.value.hint == hint


def test_prelu_learns_one_slope_or_one_for_each_channel() -> None:
    image = TensorType((16, 8, 8))
    assert activations.PReLU().infer(image).parameters == {"weight": (1,)}
    assert activations.PReLU(num_parameters=16).infer(image).parameters == {"weight": (16,)}


@pytest.mark.parametrize(("fields", "field"), [({"min_val": 2}, "min_val"), ({"max_val": -1}, "max_val")])
def test_hardtanh_blames_the_bound_that_was_written(fields: dict[str, float], field: str) -> None:
    with pytest.raises(Cause) as caught:
        activations.Hardtanh.model_validate(fields)
    assert caught.value.field == field

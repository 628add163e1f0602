from __future__ import annotations

import pytest
import torch

from builder.errors import Cause
from builder.layers.softmax import LogSoftmax, Softmax
from builder.shapes import TensorType


def test_softmax_sums_to_one_along_its_axis() -> None:
    x = torch.randn(2, 3, 4)
    assert Softmax(dim=1).build({})(x).sum(1) == pytest.approx(torch.ones(2, 4))
    logs = LogSoftmax(dim=-1).build({})(x)
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
        Softmax().infer(TensorType(shape))
    assert caught.value.hint == hint

from __future__ import annotations

import pytest
import torch

from builder.errors import Cause
from builder.layers.flatten import Flatten
from builder.layers.unflatten import Unflatten
from builder.shapes import TensorType


def test_it_undoes_flatten() -> None:
    x = torch.randn(3, 4, 2, 5)
    flat = Flatten().build({})(x)
    assert torch.equal(Unflatten(unflattened_size=(4, 2, 5)).build({})(flat), x)


def test_the_arithmetic_is_shown() -> None:
    inferred = Unflatten(unflattened_size=(-1, 7, 7)).infer(TensorType((6272,)))
    assert inferred.output == TensorType((128, 7, 7))
    assert inferred.how == "6272 = 128·7·7"


def test_one_size_that_does_not_fit_is_said_once() -> None:
    with pytest.raises(Cause, match=r"^an axis of 24 cannot be parted into 5 The sizes"):
        Unflatten(unflattened_size=(5,)).infer(TensorType((24,)))

from __future__ import annotations

import pytest

from builder.layers.flatten import Flatten
from builder.shapes import TensorType


def test_an_image_becomes_a_vector() -> None:
    inferred = Flatten().infer(TensorType((16, 5, 5)))
    assert inferred.output == TensorType((400,))
    assert inferred.how == "16·5·5 = 400"


@pytest.mark.parametrize(
    ("start", "end", "shape", "how"),
    [
        (2, -1, (4, 6), "3·2 = 6"),
        (1, 2, (12, 2), "4·3 = 12"),
        (-3, -2, (12, 2), "4·3 = 12"),
        (3, 3, (4, 3, 2), ""),
        (-1, 3, (4, 3, 2), ""),
    ],
)
def test_some_axes_are_joined(start: int, end: int, shape: tuple[int, ...], how: str) -> None:
    inferred = Flatten(start_dim=start, end_dim=end).infer(TensorType((4, 3, 2)))
    assert inferred.output.shape == shape
    assert inferred.how == how


def test_a_vector_stays_as_it_is() -> None:
    inferred = Flatten().infer(TensorType((7,)))
    assert (inferred.output, inferred.how) == (TensorType((7,)), "")

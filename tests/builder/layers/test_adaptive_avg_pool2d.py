from __future__ import annotations

import pytest

from builder.layers.adaptive_avg_pool2d import AdaptiveAvgPool2d
from builder.shapes import TensorType


@pytest.mark.parametrize(
    ("output_size", "shape", "how"),
    [
        (1, (64, 1, 1), "windows of 8/1 = 8, windows of 6/1 = 6"),
        ((4, None), (64, 4, 6), "windows of 8/4 = 2, 6 kept"),
        ((8, 6), (64, 8, 6), "8 kept, 6 kept"),
        ((3, 3), (64, 3, 3), "windows from ⌊i·8/3⌋ to ⌈(i + 1)·8/3⌉, windows of 6/3 = 2"),
        ((16, 6), (64, 16, 6), "windows from ⌊i·8/16⌋ to ⌈(i + 1)·8/16⌉, 6 kept"),
    ],
)
def test_sizes_and_windows(output_size: object, shape: tuple[int, ...], how: str) -> None:
    layer = AdaptiveAvgPool2d.model_validate({"output_size": output_size})
    inferred = layer.infer(TensorType((64, 8, 6)))
    assert inferred.output.shape == shape
    assert inferred.how == how
    assert inferred.multiply_adds == 0

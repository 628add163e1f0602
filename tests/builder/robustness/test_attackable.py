"""What can be attacked, and the one sentence for each thing that cannot."""

from __future__ import annotations

import pytest

from builder.data.info import Target
from builder.data.transforms.transform import Range
from builder.robustness.attackable import obstacles
from builder.shapes import TensorType

IMAGE, TEN = TensorType((1, 8, 8)), TensorType((10,))


def test_a_classifier_of_images_can_be() -> None:
    assert not list(obstacles(IMAGE, TEN, Target(classes=10), (0.0, 1.0)))


@pytest.mark.parametrize(
    ("arrives", "output", "target", "span", "told"),
    [
        (TensorType((5,), vocabulary=9), TEN, Target(classes=10), None, ["tokens"]),
        (IMAGE, TensorType((1,)), Target(shape=(1,)), (0.0, 1.0), ["N×1 reals"]),
        (TensorType((5, 2)), TensorType((5, 10)), Target(classes=10, steps=5), (0.0, 1.0), ["at each step"]),
        (IMAGE, TensorType((9,)), Target(classes=10), (0.0, 1.0), ["one output for each of 10 classes"]),
        (IMAGE, TEN, Target(classes=10), None, ["declares none"]),
        (IMAGE, TensorType((1,)), Target(classes=2), None, ["each of 2 classes", "declares none"]),
    ],
)
def test_what_cannot_be(
    arrives: TensorType, output: TensorType, target: Target, span: Range | None, told: list[str]
) -> None:
    found = [cause.problem for cause in obstacles(arrives, output, target, span)]
    assert len(found) == len(told)
    assert all(part in problem for part, problem in zip(told, found, strict=True))

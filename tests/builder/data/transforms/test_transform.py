"""What all transforms share."""

from __future__ import annotations

import pytest

from builder.data.transforms.transform import (
    Addition,
    Affine,
    Augmentation,
    Geometry,
    expect_image,
    transforms,
)
from builder.errors import Cause
from builder.shapes import TensorType


def test_each_is_of_one_stage() -> None:
    bases = {"geometry": Geometry, "augment": Augmentation | Addition, "affine": Affine}
    for name in transforms:
        cls = transforms[name]
        assert issubclass(cls, bases[cls.stage])
    assert {transforms[name].stage for name in transforms} == set(bases)


def test_only_images_are_images() -> None:
    assert expect_image(TensorType((3, 4, 5)), "Resize") == (3, 4, 5)
    for other in (TensorType((30,)), TensorType((3, 4, 5), vocabulary=9)):
        with pytest.raises(Cause, match="`Resize` needs images"):
            expect_image(other, "Resize")


def test_a_transform_of_the_language_is_not_available_yet() -> None:
    with pytest.raises(Cause, match="the transform `ColorJitter` is not available yet"):
        transforms.get("ColorJitter")

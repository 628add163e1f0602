"""Turned, scaled and moved images, held against NumPy and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from builder.errors import Cause
from builder.robustness.disturbances.disturbance import Disturbance
from builder.robustness.disturbances.geometric import Rotation, Scale, Shift
from builder.shapes import TensorType


def images(height: int = 8, width: int = 8, channels: int = 2) -> Tensor:
    return torch.rand(40, channels, height, width, generator=torch.Generator().manual_seed(3))


def disturbed(by: Disturbance, x: Tensor, seed: int = 0) -> Tensor:
    return by.apply(x, torch.Generator().manual_seed(seed))


def found_among(image: Tensor, candidates: dict[str, np.ndarray], tolerance: float) -> str:
    """The one of the candidates that the image is."""
    near = [name for name, one in candidates.items() if np.abs(image.numpy() - one).max() <= tolerance]
    assert len(near) == 1, near
    return near[0]


def test_a_quarter_turn_is_numpys() -> None:
    x = images()
    turned = disturbed(Rotation(degrees=90), x)
    ways = [
        found_among(
            image,
            {str(k): np.rot90(x[place].numpy(), k, axes=(1, 2)) for k in (-1, 1)},
            1e-5,
        )
        for place, image in enumerate(turned)
    ]
    assert 8 < ways.count("1") < 32  # one way or the other


def test_half_a_turn_of_an_oblong_image_is_numpys() -> None:
    x = images(6, 9)
    expected = np.rot90(x.numpy(), 2, axes=(2, 3)).copy()
    torch.testing.assert_close(
        disturbed(Rotation(degrees=180), x), torch.from_numpy(expected), atol=1e-5, rtol=0
    )


def test_an_oblong_image_turns_in_pixels() -> None:
    """A quarter turn of a cross in an oblong image is the same cross: its arms stay as long."""
    x = torch.zeros(4, 1, 7, 11)
    x[:, :, 3, 3:8] = 1
    x[:, :, 1:6, 5] = 1
    torch.testing.assert_close(disturbed(Rotation(degrees=90), x), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("degrees", [15.0, 40.0])
def test_a_turn_is_pillows(degrees: float) -> None:
    x = images(20, 20, 1)
    turned = disturbed(Rotation(degrees=degrees), x)
    for place, image in enumerate(turned):
        source = Image.fromarray(x[place, 0].numpy())
        # Pillow does not mix the border with what lies outside.
        inner = (slice(None), slice(6, 14), slice(6, 14))
        candidates = {
            str(sign): np.asarray(source.rotate(sign * degrees, Image.Resampling.BILINEAR))[None][inner]
            for sign in (-1, 1)
        }
        found_among(image[inner], candidates, 1e-4)


def test_twice_as_large_is_pillows() -> None:
    x = images(8, 12, 1)
    scaled = disturbed(Scale(factor=2), x)
    ways = []
    for place, image in enumerate(scaled):
        source = Image.fromarray(x[place, 0].numpy())
        larger = np.asarray(source.resize((24, 16), Image.Resampling.BILINEAR))[4:12, 6:18]
        # Half as large: each point lies in the middle of four.
        small = x[place, 0].numpy().reshape(4, 2, 6, 2).mean((1, 3))
        smaller = np.pad(small, ((2, 2), (3, 3)))
        ways.append(found_among(image, {"larger": larger[None], "smaller": smaller[None]}, 1e-5))
    assert 8 < ways.count("larger") < 32


def test_a_shift_is_numpys_roll_with_zeros() -> None:
    x = images()
    moved = disturbed(Shift(pixels=2), x)
    seen = set()
    for place, image in enumerate(moved):
        wide = np.pad(x[place].numpy(), ((0, 0), (2, 2), (2, 2)))
        candidates = {
            f"{down},{right}": np.roll(wide, (2 * down, 2 * right), axis=(1, 2))[:, 2:-2, 2:-2]
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
        }
        seen.add(found_among(image, candidates, 0.0))
    assert len(seen) == 8 and "0,0" not in seen


@pytest.mark.parametrize("by", [Rotation(degrees=45), Scale(factor=3), Shift(pixels=9)], ids=repr)
def test_what_comes_in_from_outside_is_fill(by: Disturbance) -> None:
    white = torch.ones(20, 1, 8, 8)
    torch.testing.assert_close(disturbed(by.model_copy(update={"fill": 1.0}), white), white)
    assert disturbed(by, white).min() == 0


def test_far_outside_nothing_is_left() -> None:
    assert disturbed(Shift(pixels=9), images()).abs().max() == 0


def test_a_shift_leaves_something_of_the_image() -> None:
    Shift(pixels=5).check(TensorType((3, 9, 6)))
    with pytest.raises(Cause) as caught:
        Shift(pixels=6).check(TensorType((3, 9, 6)))
    assert caught.value.problem == "`Shift` moves an image by 6 pixels, and of one of 9×6 nothing is left"
    assert caught.value.hint == "Move it by less than 6."
    with pytest.raises(Cause, match="moves an image by 5 pixels, and of one of 5×5 nothing is left"):
        Shift(severity=5).check(TensorType((1, 5, 5)))
    Rotation(degrees=45).check(TensorType((1, 1, 1)))

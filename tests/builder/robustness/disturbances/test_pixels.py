"""Noise, blur, compression and occlusion, held against NumPy, SciPy and Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from builder.errors import Cause
from builder.robustness.disturbances.disturbance import Disturbance, disturbances
from builder.robustness.disturbances.pixels import JPEG, Blur, Noise, Occlusion
from builder.shapes import TensorType


def images(channels: int = 1, size: int = 16) -> Tensor:
    return torch.rand(30, channels, size, size + 2, generator=torch.Generator().manual_seed(3))


def disturbed(by: Disturbance, x: Tensor, seed: int = 0) -> Tensor:
    return by.apply(x, torch.Generator().manual_seed(seed))


def test_noise_has_its_spread_and_stays_in_range() -> None:
    x = torch.full((50, 1, 32, 32), 0.5)
    noise = disturbed(Noise(std=0.1), x) - x
    assert float(noise.std()) == pytest.approx(0.1, rel=0.02) and abs(float(noise.mean())) < 1e-3
    assert disturbed(Noise(std=3), x).aminmax() == (0, 1)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5])
def test_blur_is_scipys(sigma: float) -> None:
    x = images(3)
    expected = gaussian_filter(
        x.numpy().astype(np.float64), (0, 0, sigma, sigma), mode="nearest", truncate=4.0
    )
    torch.testing.assert_close(
        disturbed(Blur(sigma=sigma), x).double(), torch.from_numpy(expected), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_pillows(channels: int) -> None:
    x = images(channels)
    found = disturbed(JPEG(quality=30), x)
    for place, image in enumerate(x):
        pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        stream = io.BytesIO()
        Image.fromarray(pixels.squeeze()).save(stream, "JPEG", quality=30)
        expected = np.asarray(Image.open(stream)).reshape(pixels.shape).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(found[place].numpy(), expected, atol=1e-7)


def test_jpeg_takes_grey_and_rgb_alone() -> None:
    with pytest.raises(Cause, match="needs 1 or 3 channels, and 2 arrive"):
        disturbed(JPEG(quality=30), images(2))


def test_occlusion_covers_a_square_somewhere_inside() -> None:
    x = images(2) * 0.5 + 0.25
    found = disturbed(Occlusion(share=0.25, fill=1), x)
    places = set()
    for image, before in zip(found, x, strict=True):
        covered = (image == 1).all(0)
        rows, columns = np.where(covered.numpy())
        assert covered.sum() == 16 and np.ptp(rows) == np.ptp(columns) == 3
        places.add((int(rows.min()), int(columns.min())))
        torch.testing.assert_close(image[:, ~covered], before[:, ~covered])
    assert len(places) > 10


def of(name: str, severity: int) -> Disturbance:
    return disturbances[name](severity=severity)


@pytest.mark.parametrize("name", list(disturbances))
def test_a_seed_gives_the_same_bits_and_the_range_is_kept(name: str) -> None:
    x = images()
    for severity in range(1, 6):
        found = disturbed(of(name, severity), x)
        assert torch.equal(found, disturbed(of(name, severity), x))
        assert found.shape == x.shape and found.dtype == x.dtype and not torch.equal(found, x)
        assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("name", list(disturbances))
def test_a_higher_severity_changes_more(name: str) -> None:
    smooth = disturbed(Blur(sigma=3), images(1, 32))
    off = [float((disturbed(of(name, severity), smooth) - smooth).abs().mean()) for severity in (1, 3, 5)]
    assert off == sorted(off) and off[0] < off[2]


def test_only_images_arrive() -> None:
    with pytest.raises(Cause, match="`Noise` needs images"):
        Noise(std=1).check(TensorType((5,)))
    Noise(std=1).check(TensorType((1, 5, 5)))

"""SineWaves: each target is the next value, and noise is as loud as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from builder.data.datasets.sine_waves import SineWaves


def test_each_target_is_the_next_value(tmp_path: Path) -> None:
    found = SineWaves(length=40, examples=20).load(tmp_path)
    assert found.x.shape == found.y.shape == (20, 40, 1)
    np.testing.assert_array_equal(found.x[:, 1:], found.y[:, :-1])


def test_without_noise_one_sine_is_a_recurrence_of_two_steps(tmp_path: Path) -> None:
    x = SineWaves(length=60, waves=1, examples=5).load(tmp_path).x[:, :, 0].astype(np.float64)
    for wave in x:  # x_{t+1} = 2·cos(ω)·x_t − x_{t−1}
        twice = ((wave[2:] + wave[:-2]) @ wave[1:-1]) / (wave[1:-1] @ wave[1:-1])
        assert 8 <= 2 * np.pi / np.arccos(twice / 2) <= 64.5
        np.testing.assert_allclose(wave[2:], twice * wave[1:-1] - wave[:-2], atol=1e-4)


def test_noise_has_its_deviation(tmp_path: Path) -> None:
    still, loud = (SineWaves(length=99, examples=200, noise=noise).load(tmp_path).x for noise in (0.0, 0.3))
    assert abs((loud - still).std() - 0.3) < 0.3 * 0.02

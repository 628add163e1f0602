"""Standardize equals scikit-learn's StandardScaler."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from builder.data.transforms.standardize import Standardize


def test_features() -> None:
    table = np.random.default_rng(0).normal(3, 2, size=(50, 4))
    scale, shift = Standardize().fit(torch.from_numpy(table), None)
    np.testing.assert_allclose(table * scale.numpy() + shift.numpy(), StandardScaler().fit_transform(table))


def test_channels() -> None:
    images = torch.rand(20, 3, 5, 6, dtype=torch.float64)
    scale, shift = Standardize().fit(images, (0.0, 1.0))
    done = images * scale[:, None, None] + shift[:, None, None]
    rows = images.permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    expected = StandardScaler().fit_transform(rows).reshape(20, 5, 6, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(done.numpy(), expected)
    assert Standardize().range_after((0.0, 1.0)) is None


def test_what_never_varies_is_only_shifted() -> None:
    table = torch.full((30, 2), 0.1, dtype=torch.float32)
    table[:, 1] = torch.arange(30)
    scale, shift = Standardize().fit(table, None)
    assert scale[0] == 1
    torch.testing.assert_close((table.double() * scale + shift)[:, 0], torch.zeros(30, dtype=torch.float64))

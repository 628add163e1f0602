"""What the normalisations of channels share; each type's own test holds it against torch."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

from builder.layers.layer import layers
from builder.layers.shared.channel_norm import ChannelNorm


@pytest.mark.parametrize("name", [name for name in layers if issubclass(layers[name], ChannelNorm)])
def test_names_and_defaults_are_torchs(name: str) -> None:
    theirs = inspect.signature(getattr(nn, name)).parameters
    ours = layers[name].model_fields
    for field in ("eps", "momentum", "affine", "track_running_stats"):
        assert ours[field].default == theirs[field].default, field

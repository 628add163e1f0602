"""Clipping: all that is trained, and nothing else."""

from __future__ import annotations

import torch
from torch import nn

from builder.games.penalties.weight_clip import WeightClip


def test_parameters_alone_are_clipped() -> None:
    network = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    network[2].requires_grad_(False)
    network[1](torch.randn(50, 8) * 5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    WeightClip(limit=0.05).after_step(network)
    for name, value in network.state_dict().items():
        if name in ("0.weight", "0.bias", "1.weight", "1.bias"):
            assert torch.equal(value, before[name].clamp(-0.05, 0.05)), name
        else:  # what is frozen, and running statistics
            assert torch.equal(value, before[name]), name
    assert network[0].weight.abs().max() == torch.tensor(0.05)


def test_nothing_to_clip() -> None:
    WeightClip().after_step(nn.Flatten())

"""The layout in memory changes, and nothing else."""

from __future__ import annotations

import pytest
import torch

from builder.runtime.network.memory_format import channels_last


@pytest.mark.parametrize("shape", [(2, 1, 4, 5), (2, 3, 4, 5), (1, 1, 1, 1)])
def test_channels_last_changes_the_layout_alone(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    found = channels_last(x)
    assert torch.equal(found, x)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found.stride(1) == 1


def test_other_axes_are_left_alone() -> None:
    x = torch.randn(3, 7)
    assert channels_last(x) is x

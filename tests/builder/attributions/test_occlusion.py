"""Occlusion: by how much the output falls, worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builder.attributions.attribution import Asked
from builder.attributions.occlusion import Occlusion
from builder.errors import Cause

pytest.importorskip("captum")


def total(x: Tensor) -> Tensor:
    return x.flatten(1).sum(1)


def test_of_a_linear_function_it_is_weights_times_way() -> None:
    w, x, baseline = torch.tensor([3.0, -2.0]), torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.0]])
    asked = Asked(lambda x: x @ w, x, baseline, "table")
    torch.testing.assert_close(Occlusion().attribute(asked).values, torch.tensor([1.5, -4.0]))
    found = Occlusion(baseline=1.0).attribute(asked)
    torch.testing.assert_close(found.values, torch.tensor([0.0, -2.0]))


def test_windows_of_an_image_hide_all_channels_and_are_averaged() -> None:
    x = torch.zeros(1, 2, 3, 3)
    x[0, :, 0, 0] = torch.tensor([1.0, 2.0])
    found = Occlusion(window=2, stride=1).attribute(Asked(total, x, torch.zeros_like(x), "image"))
    # The window at the corner alone sees it: the corner has 1 window, the middle 4.
    expected = torch.tensor([[3.0, 1.5, 0.0], [1.5, 0.75, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(found.values, expected.expand(2, 3, 3))


def test_a_token_is_hidden_whole_and_a_long_sequence_in_pieces() -> None:
    x = torch.ones(1, 5, 4)
    found = Occlusion().attribute(Asked(total, x, torch.zeros_like(x), "tokens"))
    assert found.values.tolist() == [[4.0] * 4] * 5
    long = torch.ones(1, 601, 2)
    found = Occlusion().attribute(Asked(total, long, torch.zeros_like(long), "sequence"))
    assert found.values[0].tolist() == [3.0, 3.0]  # 601 steps in windows of 3: the last has 1
    assert found.values[-1].tolist() == [1.0, 1.0]


def test_a_window_never_exceeds_the_example() -> None:
    x = torch.ones(1, 1, 2, 9)
    found = Occlusion(window=4, stride=4).attribute(Asked(total, x, torch.zeros_like(x), "image"))
    assert found.values[0, :, 0].tolist() == [8.0, 8.0]
    with pytest.raises(Cause, match="never hides"):
        Occlusion(window=2, stride=3)

from __future__ import annotations

import torch

from builder.layers.dropout2d import Dropout2d
from builder.shapes import TensorType


def test_the_shape_stays() -> None:
    arrives = TensorType((3, 8, 8))
    assert Dropout2d().infer(arrives).output == arrives
    assert Dropout2d().infer(arrives).parameters == {}


def test_whole_channels_go() -> None:
    torch.manual_seed(0)
    y = Dropout2d(p=0.25).build({})(torch.ones(40, 50, 3, 3))
    whole = y.flatten(2)
    assert torch.equal(whole.amin(2), whole.amax(2)), "all of a channel, or nothing of it"
    torch.testing.assert_close(y.unique(), torch.tensor([0.0, 4 / 3]))
    assert abs(float((whole[:, :, 0] == 0).float().mean()) - 0.25) < 0.03

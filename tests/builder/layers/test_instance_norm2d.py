from __future__ import annotations

import torch

from builder.layers.instance_norm2d import InstanceNorm2d
from builder.shapes import TensorType


def test_weights_only_where_asked_for() -> None:
    arrives = TensorType((8, 4, 4))
    assert InstanceNorm2d().infer(arrives).parameters == {}
    inferred = InstanceNorm2d(affine=True).infer(arrives)
    assert inferred.parameters == {"weight": (8,), "bias": (8,)}
    assert inferred.how == "2·8 = 16"
    assert inferred.buffers == {}
    tracked = InstanceNorm2d(track_running_stats=True).infer(arrives)
    assert tracked.buffers == {"running_mean": (8,), "running_var": (8,), "num_batches_tracked": ()}


def test_each_channel_of_each_image_is_normalised_by_itself() -> None:
    module = InstanceNorm2d().build({"num_features": 3})
    x = 5 + 2 * torch.randn(4, 3, 6, 6)
    for mode in (True, False):
        y = module.train(mode)(x)
        torch.testing.assert_close(y.mean((2, 3)), torch.zeros(4, 3), atol=1e-5, rtol=0)
        torch.testing.assert_close(y[1:2], module(x[1:2]))

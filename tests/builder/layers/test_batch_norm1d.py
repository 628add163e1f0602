from __future__ import annotations

import torch

from builder.layers.batch_norm1d import BatchNorm1d
from builder.shapes import TensorType


def test_a_scale_and_a_shift_for_each_feature() -> None:
    inferred = BatchNorm1d().infer(TensorType((64,)))
    assert inferred.output == TensorType((64,))
    assert inferred.parameters == {"weight": (64,), "bias": (64,)}
    assert inferred.buffers == {"running_mean": (64,), "running_var": (64,), "num_batches_tracked": ()}
    assert inferred.how == "2·64 = 128"
    assert inferred.sizes == {"num_features": 64}


def test_options_leave_weights_out() -> None:
    arrives = TensorType((3, 4))
    assert BatchNorm1d(affine=False).infer(arrives).parameters == {}
    assert BatchNorm1d(bias=False).infer(arrives).parameters == {"weight": (3,)}
    assert BatchNorm1d(track_running_stats=False).infer(arrives).buffers == {}


def test_in_training_each_feature_has_mean_0_and_deviation_1() -> None:
    y = BatchNorm1d().build({"num_features": 5})(3 + 2 * torch.randn(1000, 5))
    torch.testing.assert_close(y.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std(0, correction=0), torch.ones(5), atol=1e-4, rtol=0)

from __future__ import annotations

from builder.layers.batch_norm2d import BatchNorm2d
from builder.shapes import TensorType


def test_a_scale_and_a_shift_for_each_channel() -> None:
    inferred = BatchNorm2d().infer(TensorType((64, 8, 8)))
    assert inferred.output == TensorType((64, 8, 8))
    assert inferred.parameters == {"weight": (64,), "bias": (64,)}
    assert inferred.buffers == {"running_mean": (64,), "running_var": (64,), "num_batches_tracked": ()}
    assert inferred.how == "2·64 = 128"
    assert inferred.sizes == {"num_features": 64}


def test_options_leave_weights_out() -> None:
    arrives = TensorType((3, 4, 4))
    assert BatchNorm2d(affine=False).infer(arrives).parameters == {}
    assert BatchNorm2d(affine=False).infer(arrives).how == ""
    assert BatchNorm2d(bias=False).infer(arrives).parameters == {"weight": (3,)}
    assert BatchNorm2d(track_running_stats=False).infer(arrives).buffers == {}

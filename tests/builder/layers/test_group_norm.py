from __future__ import annotations

import torch
from torch.nn import functional

from builder.layers.group_norm import GroupNorm
from builder.shapes import TensorType


def test_a_scale_and_a_shift_for_each_channel() -> None:
    inferred = GroupNorm(num_groups=4).infer(TensorType((8, 5, 5)))
    assert inferred.output == TensorType((8, 5, 5))
    assert inferred.parameters == {"weight": (8,), "bias": (8,)}
    assert inferred.how == "2·8 = 16"
    assert inferred.sizes == {"num_channels": 8}


def test_its_ends_are_layer_norm_and_instance_norm() -> None:
    x = torch.randn(3, 6, 4, 5)
    one, each = (GroupNorm(num_groups=n, affine=False).build({"num_channels": 6})(x) for n in (1, 6))
    torch.testing.assert_close(one, functional.layer_norm(x, (6, 4, 5)))
    torch.testing.assert_close(each, functional.instance_norm(x))

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builder.layers.minibatch_std_dev import MinibatchStdDev
from builder.shapes import TensorType


def published(x: Tensor, group_size: int) -> Tensor:
    """``minibatch_stddev_layer`` of Karras et al.'s code, which needs a batch that ``group_size`` divides."""
    batch, channels, height, width = x.shape
    group = min(group_size, batch)
    y = x.reshape(group, -1, channels, height, width)
    y = y - y.mean(0, keepdim=True)
    y = (y.square().mean(0) + 1e-8).sqrt()
    y = y.mean([1, 2, 3], keepdim=True)
    return torch.cat([x, y.tile(group, 1, height, width)], 1)


def test_one_more_channel() -> None:
    assert MinibatchStdDev().infer(TensorType((512, 4, 4))).output == TensorType((513, 4, 4))
    assert MinibatchStdDev().infer(TensorType((7,))).output == TensorType((8,))


@pytest.mark.parametrize(("batch", "group_size"), [(8, 4), (4, 4), (3, 4), (1, 4), (12, 3), (6, 1), (64, 8)])
def test_it_is_the_published_one(batch: int, group_size: int) -> None:
    x = torch.randn(batch, 3, 4, 5, dtype=torch.float64)
    for mode in (True, False):
        module = MinibatchStdDev(group_size=group_size).build({}).train(mode)
        torch.testing.assert_close(module(x), published(x, group_size))


@pytest.mark.parametrize(("batch", "group_size"), [(5, 4), (7, 3), (9, 8), (11, 4)])
def test_a_batch_that_does_not_divide_has_groups_of_nearly_one_size(batch: int, group_size: int) -> None:
    x = torch.randn(batch, 6, dtype=torch.float64)
    found = MinibatchStdDev(group_size=group_size).build({})(x)
    groups = -(-batch // group_size)
    assert torch.equal(found[:, :6], x)
    for group in range(groups):
        members = x[group::groups]
        assert batch // groups <= len(members) <= -(-batch // groups)
        wanted = (members.var(0, correction=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(found[group::groups, 6], wanted.expand(len(members)))


def test_equal_examples_have_a_gradient() -> None:
    x = torch.ones(4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(MinibatchStdDev().build({})(x).sum(), x)
    assert gradient.isfinite().all()

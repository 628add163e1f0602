"""Grad-CAM by hand, and what it cannot be asked."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from builder.attributions.attribution import Asked
from builder.attributions.grad_cam import GradCAM
from builder.errors import Cause

pytest.importorskip("captum")


def asked() -> Asked:
    torch.manual_seed(1)
    maps = {"conv2d_1": nn.Conv2d(1, 3, 3), "tanh_1": nn.Tanh(), "conv2d_2": nn.Conv2d(3, 4, 3)}
    network = nn.Sequential(*maps.values(), nn.Flatten(), nn.Linear(64, 1))
    x = torch.rand(1, 1, 8, 8)
    return Asked(lambda x: network(x)[:, 0], x, torch.zeros_like(x), "image", maps, "conv2d_2")


@pytest.mark.parametrize("layer", [None, "conv2d_1", "tanh_1"])
def test_it_is_what_the_paper_says(layer: str | None) -> None:
    one = asked()
    module = one.maps[layer or "conv2d_2"]
    kept = []
    handle = module.register_forward_hook(lambda m, given, output: kept.append(output))
    value = one.number(one.x)
    handle.remove()
    (gradient,) = torch.autograd.grad(value, kept[0])
    coarse = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
    expected = functional.interpolate(coarse, (8, 8), mode="bilinear")[0, 0]
    found = GradCAM(layer=layer).attribute(one)
    torch.testing.assert_close(found.values, expected)
    assert found.layer == (layer or "conv2d_2")
    assert float(expected.detach().max()) > 0


def test_what_it_cannot_be_asked() -> None:
    one = asked()
    GradCAM(layer="tanh_1").check(one)
    with pytest.raises(Cause) as caught:
        GradCAM(layer="linear_1").check(one)
    assert caught.value.problem == "Grad-CAM needs a layer whose output is C×H×W, and `linear_1` is none"
    with pytest.raises(Cause, match="Did you mean `conv2d_2`"):
        GradCAM(layer="conv2d_3").check(Asked(one.number, one.x, one.x, "image", {"conv2d_2": nn.Tanh()}))
    with pytest.raises(Cause, match=r"needs a convolution.*can be named: `tanh_1`"):
        GradCAM().check(Asked(one.number, one.x, one.x, "image", {"tanh_1": nn.Tanh()}))
    with pytest.raises(Cause, match="this network has none"):
        GradCAM().check(Asked(one.number, one.x[0, 0], one.x, "table"))

"""The functions of terms on tensors that are there already: no allocation, no autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_aten = torch.ops.aten


def _whole(adjoint: Tensor, like: Tensor) -> Tensor:
    return adjoint if adjoint.shape == like.shape else adjoint.expand_as(like)


def _heaviside(out: Tensor, a: Tensor) -> Tensor:
    return torch.heaviside(a, a.new_full((), 0.5), out=out)


_MINUS_ONE: Final = torch.full((), -1.0, dtype=torch.float32, device="cpu")


def _tanh(out: Tensor, a: Tensor) -> Tensor:
    """tanh; in single precision on a processor as 2σ(2a) − 1, half as long and within 2e-7 (as Inductor has it)."""
    if a.dtype != torch.float32 or a.device.type != "cpu":
        return torch.tanh(a, out=out)
    torch.sigmoid(torch.add(a, a, out=out), out=out)
    return torch.add(_MINUS_ONE, out, alpha=2, out=out)


# ``INTO[name](out, *operands)``. ``out`` may be the first operand. Source: the functions of torch of those
# names, and those that its autograd calls (derivatives.yaml).
INTO: Final[dict[str, Callable[..., Tensor]]] = {
    "add": lambda o, a, b: torch.add(a, b, out=o),
    "subtract": lambda o, a, b: torch.sub(a, b, out=o),
    "multiply": lambda o, a, b: torch.mul(a, b, out=o),
    "divide": lambda o, a, b: torch.div(a, b, out=o),
    "power": lambda o, a, b: torch.pow(a, b, out=o),
    "negative": lambda o, a: torch.neg(a, out=o),
    "addcmul": lambda o, a, b, c: torch.addcmul(a, b, c, out=o),
    "subcmul": lambda o, a, b, c: torch.addcmul(a, b, c, value=-1, out=o),
    "lerp": lambda o, a, b, z: torch.lerp(a, b, z, out=o),
    "minimum": lambda o, a, b: torch.minimum(a, b, out=o),
    "maximum": lambda o, a, b: torch.maximum(a, b, out=o),
    "identity": lambda o, a: o.copy_(a),
    "sigmoid": lambda o, a: torch.sigmoid(a, out=o),
    "tanh": _tanh,
    "relu": lambda o, a: torch.clamp_min(a, 0, out=o),
    "exp": lambda o, a: torch.exp(a, out=o),
    "log": lambda o, a: torch.log(a, out=o),
    "sqrt": lambda o, a: torch.sqrt(a, out=o),
    "abs": lambda o, a: torch.abs(a, out=o),
    "softplus": lambda o, a: _aten.softplus.out(a, 1, 20, out=o),
    "softsign": lambda o, a: o.copy_(functional.softsign(a)),
    "elu": lambda o, a: _aten.elu.out(a, 1.0, 1.0, 1.0, out=o),
    "silu": lambda o, a: _aten.silu.out(a, out=o),
    "gelu": lambda o, a: _aten.gelu.out(a, out=o),
    "hardsigmoid": lambda o, a: _aten.hardsigmoid.out(a, out=o),
    "hardtanh": lambda o, a: _aten.hardtanh.out(a, -1, 1, out=o),
    "sign": lambda o, a: torch.sign(a, out=o),
    "heaviside": _heaviside,
    "xlogy": lambda o, a, b: torch.xlogy(a, b, out=o),
    "sigmoid_backward": lambda o, g, y: _aten.sigmoid_backward.grad_input(g, y, grad_input=o),
    "tanh_backward": lambda o, g, y: _aten.tanh_backward.grad_input(g, y, grad_input=o),
    "relu_backward": lambda o, g, y: _aten.threshold_backward.grad_input(_whole(g, y), y, 0, grad_input=o),
    "elu_backward": lambda o, g, y: _aten.elu_backward.grad_input(
        _whole(g, y), 1.0, 1.0, 1.0, True, y, grad_input=o
    ),
    "softplus_backward": lambda o, g, a: _aten.softplus_backward.grad_input(
        _whole(g, a), a, 1, 20, grad_input=o
    ),
    "silu_backward": lambda o, g, a: _aten.silu_backward.grad_input(_whole(g, a), a, grad_input=o),
    "gelu_backward": lambda o, g, a: _aten.gelu_backward.grad_input(_whole(g, a), a, grad_input=o),
    "hardsigmoid_backward": lambda o, g, a: _aten.hardsigmoid_backward.grad_input(
        _whole(g, a), a, grad_input=o
    ),
    "hardtanh_backward": lambda o, g, a: _aten.hardtanh_backward.grad_input(
        _whole(g, a), a, -1, 1, grad_input=o
    ),
}

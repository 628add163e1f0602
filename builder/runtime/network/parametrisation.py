"""Modules that compute with their weight divided by its norm: torch.nn.utils.parametrizations, with plain names.

torch moves the parameter to ``parametrizations.weight.original``; here it stays ``weight``. While ``forward``
runs, and only then, an attribute of that name hides it: the weight that the layer's own code is to read.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

EPS: Final = 1e-12
FIRST_STEPS: Final = 16  # of the power method, before any batch: torch's 15, and one as it checks the result
M = TypeVar("M", bound=nn.Module)


class Normed(nn.Module):
    """Stands before a layer's own class; a layer becomes one by ``normalised``, never by its constructor."""

    weight: nn.Parameter
    weight_axis: int

    @abstractmethod
    def divided(self) -> Tensor:
        """What the layer computes with, in ``weight``'s shape."""

    @abstractmethod
    def settle(self) -> None:
        """Makes up for a ``weight`` that was set anew."""

    def forward(self, *inputs: Tensor) -> Any:
        """The layer's own pass, in which ``weight`` is ``divided()``; it is the parameter again after."""
        vars(self)["weight"] = self.divided()
        try:
            return super().forward(*inputs)
        finally:
            del vars(self)["weight"]


class Spectral(Normed):
    """W/σ with σ = uᵀWv, where u and v go one step of the power method further in each training pass."""

    weight_u: Tensor
    weight_v: Tensor

    def prepare(self) -> None:
        """Draws u and then v from torch's global generator, and takes the first steps from there."""
        matrix = self._matrix()
        for name, size in zip(("weight_u", "weight_v"), matrix.shape, strict=True):
            drawn = matrix.new_empty(size).normal_(0, 1)
            self.register_buffer(name, functional.normalize(drawn, dim=0, eps=EPS))
        self.settle()

    def divided(self) -> Tensor:
        """W/σ. In training u and v take one step first; σ's gradient flows through W alone."""
        if self.training:
            self._step(1)
        # Copies: a second pass moves u and v on before the first's gradient is taken (real and fake batches).
        u, v = self.weight_u.clone(), self.weight_v.clone()
        return self.weight / torch.vdot(u, torch.mv(self._matrix(), v))

    def settle(self) -> None:
        """Takes the first steps of the power method again, from the u and v that are there."""
        self._step(FIRST_STEPS)

    def _matrix(self) -> Tensor:
        """The weight with one row for each output."""
        return self.weight.movedim(self.weight_axis, 0).flatten(1)

    @torch.no_grad()
    def _step(self, times: int) -> None:
        matrix = self._matrix()
        for _ in range(times):
            functional.normalize(torch.mv(matrix, self.weight_v), dim=0, eps=EPS, out=self.weight_u)
            functional.normalize(torch.mv(matrix.H, self.weight_u), dim=0, eps=EPS, out=self.weight_v)

    def extra_repr(self) -> str:
        """The layer's own, and ``norm=spectral``."""
        return f"{super().extra_repr()}, norm=spectral"


class Weight(Normed):
    """g·W/‖W‖, the norm and g for each place of the first axis."""

    weight_g: nn.Parameter

    def prepare(self) -> None:
        """Sets g to W's norms: the layer computes at first what it would without."""
        self.weight_g = nn.Parameter(self._norms())

    def divided(self) -> Tensor:
        """g·W/‖W‖ by torch's fused kernel, with gradients to both."""
        return torch._weight_norm(self.weight, self.weight_g, 0)

    @torch.no_grad()
    def settle(self) -> None:
        """Sets g to the norms of the new W, so that ``divided()`` is W."""
        self.weight_g.copy_(self._norms())

    def _norms(self) -> Tensor:
        return torch.norm_except_dim(self.weight.detach(), 2, 0)

    def extra_repr(self) -> str:
        """The layer's own, and ``norm=weight``."""
        return f"{super().extra_repr()}, norm=weight"


KINDS: Final[dict[str, type[Spectral | Weight]]] = {"spectral": Spectral, "weight": Weight}


def normalised(module: M, norm: str, weight_axis: int) -> M:
    """``module`` itself, which from now on computes with its ``weight`` divided by its norm.

    The largest singular value of diag(3, 1) is 3; the rows of ((3, 4), (0, 2)) have the norms 5 and 2, which are what g
    begins with:

    >>> def layer(*rows):
    ...     made = nn.Linear(2, 2, bias=False)
    ...     made.weight = nn.Parameter(torch.tensor(rows))
    ...     return made
    >>> normalised(layer([3.0, 0.0], [0.0, 1.0]), "spectral", 0).eval().divided().double().round(decimals=4).tolist()
    [[1.0, 0.0], [0.0, 0.3333]]
    >>> made = normalised(layer([3.0, 4.0], [0.0, 2.0]), "weight", 0)
    >>> made.weight_g.tolist()
    [[5.0], [2.0]]
    >>> made.weight_g = nn.Parameter(torch.ones(2, 1))
    >>> made.divided().double().round(decimals=4).tolist()
    [[0.6, 0.8], [0.0, 1.0]]

    ``weight_axis`` is the weight's axis of outputs. For `spectral` torch's global generator gives two vectors
    after what the layer itself drew, as ``spectral_norm(nn.Conv2d(…))`` would.
    """
    kind, cls = KINDS[norm], type(module)
    made: Any = module
    made.__class__ = type(f"{kind.__name__}{cls.__name__}", (kind, cls), {})
    made.weight_axis = weight_axis
    made.prepare()
    return module

"""The optimisers of ``torch.optim``: w ← w − lr·(a direction made of past gradients)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, final

from pydantic import PlainValidator, WithJsonSchema, model_validator

from builder.component import Accepted, Catalogue, Component, Rejected
from builder.errors import Cause
from builder.fields import BelowOne, Flag, NonNegative, Positive, Probability, wrong

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

_SPEED: Final = "It changes speed alone; the fastest that the device has is taken."
_REFUSED: Final = {
    "foreach": _SPEED,
    "fused": _SPEED,
    "capturable": "Runs are not captured as CUDA graphs.",
    "differentiable": "Steps are never differentiated through.",
    "maximize": "A loss is minimised.",
}


def _betas(value: Any) -> tuple[float, float]:
    """Two decay rates, each at least 0 and below 1."""
    numbers = list(value) if isinstance(value, list | tuple) else []
    if len(numbers) != 2 or not all(
        isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1 for n in numbers
    ):
        raise wrong("a list of two real numbers, each at least 0 and below 1", value)
    return float(numbers[0]), float(numbers[1])


Betas = Annotated[
    tuple[float, float],
    PlainValidator(_betas),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
            "minItems": 2,
            "maxItems": 2,
        }
    ),
]


class Optimizer(Component):
    """An optimiser of ``torch.optim``, with its argument names and defaults.

    ``momentum_like`` says that it has a momentum or betas, which ``OneCycleLR`` can cycle; ``has_fused`` that
    torch has its whole step as one kernel, on the CPU too.
    """

    main: ClassVar[str | None] = "lr"
    refused = _REFUSED
    momentum_like: ClassVar[bool] = True
    has_fused: ClassVar[bool] = False

    @final
    def build(self, params: Iterable[nn.Parameter]) -> TorchOptimizer:
        """The torch optimiser of these parameters, fused where torch can. Imports torch inside."""
        weights = list(params)
        arguments = {name: getattr(self, name) for name in type(self).model_fields}
        if self.has_fused and all(
            w.is_floating_point() and w.device.type in ("cpu", "cuda") for w in weights
        ):
            arguments["fused"] = True
        return self.make(weights, arguments)

    @abstractmethod
    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        """Calls the torch class of the same name."""


@final
class SGD(Optimizer):
    """Stochastic gradient descent: v ← momentum·v + (1 − dampening)·g, w ← w − lr·v.

    Source: torch.optim.SGD.
    """

    has_fused = True
    accepts = (
        Accepted("0.1"),
        Accepted("{lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 5e-4}"),
        Accepted("{}"),
    )
    rejects = (
        Rejected("{lr: -0.1}", "expected a real number of at least 0, found the real number -0.1"),
        Rejected("{nesterov: true}", "`nesterov` needs a `momentum` above 0 and no `dampening`"),
        Rejected("{fused: true}", "`SGD` does not take `fused` here"),
    )

    lr: NonNegative = 1e-3
    momentum: NonNegative = 0.0
    dampening: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: Flag = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise Cause("`nesterov` needs a `momentum` above 0 and no `dampening`", field="nesterov")
        return self

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.SGD(params, **arguments)


@final
class Adam(Optimizer):
    """Adam: w ← w − lr·m̂/(√v̂ + eps), with running means m of the gradient and v of its square.

    Source: torch.optim.Adam; Kingma & Ba, "Adam" (2015).
    """

    has_fused = True
    accepts = (
        Accepted("{lr: 1e-3}"),
        Accepted("{lr: 2e-4, betas: [0.5, 0.999], eps: 1e-7, amsgrad: true, weight_decay: 1e-4}"),
    )
    rejects = (
        Rejected(
            "{betas: 0.9}",
            "expected a list of two real numbers, each at least 0 and below 1, found the real number 0.9",
        ),
        Rejected('{lr: "1e-3"}', 'expected a real number of at least 0, found the text "1e-3"'),
        Rejected("{learning_rate: 0.1}", "`Adam` has no field `learning_rate`"),
    )

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    amsgrad: Flag = False
    decoupled_weight_decay: Flag = False

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.Adam(params, **arguments)


@final
class AdamW(Optimizer):
    """Adam whose weight decay acts on the weights and not through the gradient.

    Source: torch.optim.AdamW; Loshchilov & Hutter, "Decoupled Weight Decay Regularization" (2019).
    """

    has_fused = True
    accepts = (Accepted("{lr: 1e-3, weight_decay: 1e-2}"), Accepted("3e-4"))
    rejects = (
        Rejected(
            "{betas: [0.9, 1]}",
            "expected a list of two real numbers, each at least 0 and below 1, found the list [0.9, 1]",
        ),
        Rejected("{maximize: true}", "`AdamW` does not take `maximize` here"),
    )

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    amsgrad: Flag = False

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.AdamW(params, **arguments)


@final
class RMSprop(Optimizer):
    """RMSprop: w ← w − lr·g/(√v + eps), v the running mean of g².

    Source: torch.optim.RMSprop; Hinton's lecture 6e (2012).
    """

    accepts = (Accepted("0.01"), Accepted("{alpha: 0.9, momentum: 0.9, centered: true}"))
    rejects = (
        Rejected("{alpha: -1}", "expected a real number of at least 0 and below 1, found -1"),
        Rejected("{rho: 0.9}", "`RMSprop` has no field `rho`"),
    )

    lr: NonNegative = 1e-2
    alpha: BelowOne = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: NonNegative = 0.0
    centered: Flag = False

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.RMSprop(params, **arguments)


@final
class Adagrad(Optimizer):
    """Adagrad: w ← w − lr·g/(√Σg² + eps).

    Source: torch.optim.Adagrad; Duchi, Hazan & Singer (2011).
    """

    momentum_like: ClassVar[bool] = False
    accepts = (Accepted("0.01"), Accepted("{lr_decay: 0.1, initial_accumulator_value: 0.1}"))
    rejects = (Rejected("{eps: -1}", "expected a real number of at least 0, found -1"),)

    lr: NonNegative = 1e-2
    lr_decay: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: NonNegative = 1e-10

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.Adagrad(params, **arguments)


@final
class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    Source: torch.optim.NAdam; Dozat, "Incorporating Nesterov Momentum into Adam" (2016).
    """

    accepts = (Accepted("2e-3"), Accepted("{momentum_decay: 0.01, decoupled_weight_decay: true}"))
    rejects = (Rejected("{momentum_decay: -1}", "expected a real number of at least 0, found -1"),)

    lr: NonNegative = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum_decay: NonNegative = 4e-3
    decoupled_weight_decay: Flag = False

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.NAdam(params, **arguments)


@final
class RAdam(Optimizer):
    """Adam that is plain momentum until the variance of v̂ can be trusted.

    Source: torch.optim.RAdam; Liu et al., "On the Variance of the Adaptive Learning Rate" (2020).
    """

    accepts = (Accepted("1e-3"), Accepted("{weight_decay: 0.01, decoupled_weight_decay: true}"))
    rejects = (Rejected("{amsgrad: true}", "`RAdam` has no field `amsgrad`"),)

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    decoupled_weight_decay: Flag = False

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.RAdam(params, **arguments)


@final
class Adadelta(Optimizer):
    """Adadelta: the step's size is the running size of past steps over that of past gradients.

    Source: torch.optim.Adadelta; Zeiler, "ADADELTA" (2012).
    """

    momentum_like: ClassVar[bool] = False
    accepts = (Accepted("1.0"), Accepted("{rho: 0.95, eps: 1e-7}"))
    rejects = (Rejected("{rho: 2}", "expected a real number from 0 to 1, found 2"),)

    lr: NonNegative = 1.0
    rho: Probability = 0.9
    eps: Positive = 1e-6
    weight_decay: NonNegative = 0.0

    def make(self, params: list[nn.Parameter], arguments: dict[str, Any]) -> TorchOptimizer:
        from torch import optim

        return optim.Adadelta(params, **arguments)


optimizers: Final[Catalogue[Optimizer]] = Catalogue("optimiser", "builder.training.optimizers", Optimizer)

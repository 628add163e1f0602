"""Adam and its kin: w ← w − lr·m̂/(√v̂ + eps), with running means m of the gradient and v of its square."""

from __future__ import annotations

from typing import Annotated, Any, final

from builder.component import Accepted, Rejected
from builder.fields import Checked, Flag, NonNegative, wrong
from builder.training.optimizers.optimizer import Optimizer


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
    Checked(
        _betas,
        {
            "type": "array",
            "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
            "minItems": 2,
            "maxItems": 2,
        },
    ),
]


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

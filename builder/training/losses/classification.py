"""Losses of classes: the output holds a value for each, or one for two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, final

from builder.component import Accepted, Rejected
from builder.data.info import Target
from builder.errors import Cause
from builder.fields import Checked, Int, Probability, wrong
from builder.shapes import TensorType
from builder.training.losses.loss import REFUSED, Criterion, Loss, Reduction, expect_reals

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def _weights(value: Any) -> tuple[float, ...]:
    """Weights of classes: finite, none negative."""
    numbers = list(value) if isinstance(value, list | tuple) else []
    if not numbers or not all(
        isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < float("inf") for n in numbers
    ):
        raise wrong("a list of real numbers of at least 0", value)
    return tuple(float(n) for n in numbers)


Weights = Annotated[
    tuple[float, ...],
    Checked(_weights, {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1}),
]


def _expect_classes(loss: Loss, output: TensorType, target: Target, weight: tuple[float, ...] | None) -> None:
    name = type(loss).__name__
    if target.classes is None:
        raise Cause(
            f"the data's target is real numbers, and `{name}` needs classes", "Use `MSELoss` or `L1Loss`."
        )
    if len(output.shape) != 1:
        raise Cause(
            f"`{name}` needs one value per class (N×{target.classes}), and the output is {output}",
            "End the network with `Flatten` and `Linear`.",
        )
    if output.shape[0] != target.classes:
        raise Cause(f"the data has {target.classes} classes, and the output has {output.shape[0]} values")
    if weight is not None and len(weight) != target.classes:
        raise Cause(f"the data has {target.classes} classes, and `weight` has {len(weight)} values")


@final
class CrossEntropyLoss(Loss):
    """−log softmax(output)[label], averaged over the batch; the output is logits, without a ``Softmax``.

    Source: torch.nn.CrossEntropyLoss.
    """

    accepts = (
        Accepted(""),
        Accepted("{label_smoothing: 0.1, reduction: sum}"),
        Accepted("{weight: [1, 2, 0.5], ignore_index: 2}"),
    )
    rejects = (
        Rejected("{label_smoothing: 1.5}", "expected a real number from 0 to 1, found the real number 1.5"),
        Rejected("{reduction: none}", 'expected `mean` or `sum`, found the text "none"'),
        Rejected("{size_average: true}", "`CrossEntropyLoss` does not take `size_average` here"),
        Rejected(
            "{weight: [1, -1]}", "expected a list of real numbers of at least 0, found the list [1, -1]"
        ),
    )

    weight: Weights | None = None
    ignore_index: Int = -100
    reduction: Reduction = "mean"
    label_smoothing: Probability = 0.0

    def check(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` unless the output is N×classes."""
        _expect_classes(self, output, target, self.weight)


@final
class NLLLoss(Loss):
    """−output[label], averaged over the batch; the output is log-probabilities, as ``LogSoftmax`` gives them.

    Source: torch.nn.NLLLoss.
    """

    accepts = (Accepted(""), Accepted("{weight: [1, 2], reduction: sum}"))
    rejects = (Rejected("{label_smoothing: 0.1}", "`NLLLoss` has no field `label_smoothing`"),)

    weight: Weights | None = None
    ignore_index: Int = -100
    reduction: Reduction = "mean"

    def check(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` unless the output is N×classes."""
        _expect_classes(self, output, target, self.weight)


@final
class BCEWithLogitsLoss(Loss):
    """−t·log σ(output) − (1 − t)·log σ(−output), averaged over batch and axes; the output is logits.

    The target is one of two classes, against one output value, or reals in [0, 1] of the output's shape.
    Source: torch.nn.BCEWithLogitsLoss.
    """

    refused = REFUSED | {
        "weight": "It weighs places in a batch, which are shuffled; `pos_weight` weighs the positive class."
    }
    accepts = (Accepted(""), Accepted("{pos_weight: [3], reduction: sum}"))
    rejects = (Rejected("{weight: [1]}", "`BCEWithLogitsLoss` does not take `weight` here"),)

    reduction: Reduction = "mean"
    pos_weight: Weights | None = None

    def check(self, output: TensorType, target: Target) -> None:
        """Raises ``Cause`` unless the output is N×1 for two classes, or of the shape of a target of reals."""
        if target.classes is None:
            expect_reals(self, output, target)
        elif target.classes != 2:
            raise Cause(
                f"the data has {target.classes} classes, and `BCEWithLogitsLoss` needs two",
                "Use `CrossEntropyLoss`.",
            )
        elif output.shape != (1,):
            raise Cause(
                f"`BCEWithLogitsLoss` needs one value for two classes (N×1), and the output is {output}",
                "End with `Linear: 1`, or use `CrossEntropyLoss` with two values.",
            )
        if self.pos_weight is not None and len(self.pos_weight) not in (1, *output.shape[-1:]):
            raise Cause(f"`pos_weight` has {len(self.pos_weight)} values, and the output is {output}")

    def build(self, device: torch.device | str = "cpu") -> Criterion:
        """The torch module, for which the labels are made reals of the output's shape."""
        loss = super().build(device)

        def criterion(output: Tensor, target: Tensor) -> Tensor:
            value: Tensor = loss(output, target.reshape(output.shape).to(output.dtype))
            return value

        return criterion

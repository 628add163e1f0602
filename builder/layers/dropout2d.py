"""Dropout2d: whole channels set to zero, in training only (Tompson et al., 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.fields import Probability
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, expect_rank

if TYPE_CHECKING:
    from torch import nn


@final
class Dropout2d(Layer):
    """Sets each channel of each image to zero with probability p in training, and scales the others by 1/(1 − p).

    Input and output N×C×H×W. Neighbouring pixels say much the same, so dropping them one by one teaches
    little. In evaluation, and in ONNX, it does nothing.
    Source: torch.nn.Dropout2d; Tompson et al., "Efficient object localization using convolutional networks"
    (2015).
    """

    main = "p"
    snake = "dropout2d"
    accepts = (Accepted("", on=((3, 4, 4),)), Accepted("0.2", on=((1, 2, 3),)))
    rejects = (
        Rejected("1.5", "expected a real number from 0 to 1, found the real number 1.5"),
        Rejected("", "`Dropout2d` needs an input of 3 axes (C, H, W), and N×120 arrives", on=((120,),)),
    )

    p: Probability = 0.5

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W, unchanged. Raises ``Cause`` for other ranks: torch would drop other axes."""
        (x,) = arrives
        expect_rank(x, "Dropout2d", "C, H, W")
        return Inferred(x)

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Dropout2d``, the identity in evaluation."""
        from torch import nn

        return nn.Dropout2d(**self.arguments(sizes))

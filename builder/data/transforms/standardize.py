"""Standardize: (x − mean)/deviation, both of the training part, per channel or feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Affine, Range
from builder.errors import Cause
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Tensor


@final
class Standardize(Affine):
    """Mean 0 and deviation 1 over the training part: per channel of images, per feature of tables and sequences.

    The deviation is the population's; what never varies is only shifted. Source: scikit-learn's
    StandardScaler; for images torchvision.transforms.v2.Normalize with the training part's mean and std.
    """

    fits = True
    accepts = (Accepted("", on=((3, 8, 8),)), Accepted("", on=((30,),)), Accepted("", on=((24, 2),)))
    rejects = (
        Rejected("{mean: 0.5}", "`Standardize` has no field `mean`"),
        Rejected(
            "",
            "`Standardize` needs images (C, H, W), sequences (T, F) or features, and N×1×2×5×8 arrives",
            on=((1, 2, 5, 8),),
        ),
    )

    def rule(self, arrives: TensorType) -> TensorType:
        """The same shape. Raises ``Cause`` for tokens, and for examples of more than three axes."""
        if arrives.vocabulary is not None or len(arrives.shape) not in (1, 2, 3):
            raise Cause(
                f"`Standardize` needs images (C, H, W), sequences (T, F) or features, and {arrives} arrives"
            )
        return arrives

    def range_after(self, span: Range | None) -> Range | None:
        """None: standardized values have no declared range."""
        return None

    def fit(self, x: Tensor | None, span: Range | None) -> tuple[Tensor, Tensor]:
        """1/σ and −μ/σ of each channel or feature of the training part; σ is 1 where a channel is constant."""
        import torch

        assert x is not None, "`Standardize` is fitted on the training part"
        channels = x.double().movedim(-1 if x.dim() == 3 else 1, 0).flatten(1)
        mean, deviation = channels.mean(1), channels.std(1, correction=0)
        # A constant channel's deviation is not 0 exactly: its mean is rounded.
        still = deviation <= 1e-12 * mean.abs().clamp(min=1)
        scale = 1 / torch.where(still, torch.ones_like(deviation), deviation)
        return scale, -mean * scale

"""RandomHorizontalFlip: x[…, W − 1 − j] with probability p."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Augmentation, expect_image
from builder.fields import Probability
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Generator, Tensor


@final
class RandomHorizontalFlip(Augmentation):
    """Mirrors each image left to right with probability ``p``.

    Source: torchvision.transforms.v2.RandomHorizontalFlip.
    """

    main = "p"
    accepts = (Accepted("", on=((1, 8, 8),)), Accepted("{p: 0.25}", on=((3, 8, 9),)))
    rejects = (
        Rejected("2", "expected a real number from 0 to 1, found 2"),
        Rejected("", "`RandomHorizontalFlip` needs images (C, H, W), and N×30 arrives", on=((30,),)),
    )

    p: Probability = 0.5

    def rule(self, arrives: TensorType) -> TensorType:
        """The same shape. Raises ``Cause`` unless images arrive."""
        expect_image(arrives, "RandomHorizontalFlip")
        return arrives

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """Mirrors each image with probability ``p``, left to right."""
        import torch

        flips = (torch.rand(len(x), generator=generator) < self.p).to(x.device)
        return torch.where(flips[:, None, None, None], x.flip(-1), x)

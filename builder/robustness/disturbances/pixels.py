"""Noise, Blur, JPEG and Occlusion: what an image's pixels are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Positive, Probability
from builder.robustness.disturbances.disturbance import Disturbance

if TYPE_CHECKING:
    from torch import Generator, Tensor

_TAIL: Final = 4.0  # standard deviations after which a kernel ends


@final
class Noise(Disturbance):
    """Normal noise of standard deviation ``std`` on every value.

    Severities are 0.08, 0.12, 0.18, 0.26 and 0.38, as in ImageNet-C (Hendrycks & Dietterich, 2019).
    """

    main = "std"
    severities = (0.08, 0.12, 0.18, 0.26, 0.38)
    accepts = (Accepted("0.1"), Accepted("{severity: 1}"))
    rejects = (Rejected("-0.1", "expected a real number above 0, found the real number -0.1"),)

    std: Positive | None = None

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """The noise of every value is drawn; the sum is cut to [0, 1]."""
        import torch

        drawn = torch.randn(x.shape, generator=generator).to(x.dtype)
        return (x + self.amount * drawn).clamp(0, 1)


@final
class Blur(Disturbance):
    """A Gaussian kernel of standard deviation ``sigma``, in pixels; the border's pixels go on outside.

    Severities are 0.4, 0.6, 0.7, 0.8 and 1, as in CIFAR-10-C (Hendrycks & Dietterich, 2019).
    """

    main = "sigma"
    severities = (0.4, 0.6, 0.7, 0.8, 1.0)
    accepts = (Accepted("1.5"), Accepted("{severity: 4}"))
    rejects = (
        Rejected("0", "expected a real number above 0, found 0"),
        Rejected("200", "expected a `sigma` of at most 100 pixels, found 200"),
    )

    sigma: Positive | None = None

    def check_amount(self, amount: float) -> None:
        """Raises ``Cause`` above 100 pixels."""
        if amount > 100:
            raise Cause(f"expected a `sigma` of at most 100 pixels, found {amount:g}", field="sigma")

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """Rows, then columns, by a kernel that ends after 4 standard deviations; nothing is drawn."""
        import torch
        from torch.nn.functional import conv2d, pad

        radius = int(_TAIL * self.amount + 0.5)
        at = torch.arange(-radius, radius + 1, dtype=torch.float64)
        kernel = torch.exp(-0.5 * (at / self.amount) ** 2)
        kernel = (kernel / kernel.sum()).to(x.dtype)
        flat = x.flatten(0, 1)[:, None]
        flat = conv2d(pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel[None, None, None, :])
        flat = conv2d(pad(flat, (0, 0, radius, radius), mode="replicate"), kernel[None, None, :, None])
        return flat.view(x.shape).clamp(0, 1)


@final
class JPEG(Disturbance):
    """Each image through JPEG at ``quality``, 1 to 100: the lower, the worse. Grey or RGB.

    Severities are 80, 65, 58, 50 and 40, as in CIFAR-10-C (Hendrycks & Dietterich, 2019). Source: Pillow's
    ``Image.save``.
    """

    main = "quality"
    severities = (80, 65, 58, 50, 40)
    accepts = (Accepted("50"), Accepted("{severity: 5}"))
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected("101", "expected a `quality` from 1 to 100, found 101"),
    )

    quality: Count | None = None

    def check_amount(self, amount: float) -> None:
        """Raises ``Cause`` above 100."""
        if amount > 100:
            raise Cause(f"expected a `quality` from 1 to 100, found {amount}", field="quality")

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """Rounds to 8 bits, writes and reads; nothing is drawn. Raises ``Cause`` unless 1 or 3 channels arrive."""
        import io

        import numpy as np
        import torch
        from PIL import Image

        channels = x.shape[1]
        if channels not in (1, 3):
            raise Cause(f"`JPEG` needs 1 or 3 channels, and {channels} arrive")
        pixels = (x * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        read = []
        for image in pixels:
            with io.BytesIO() as stream:
                Image.fromarray(image[..., 0] if channels == 1 else image).save(
                    stream, "JPEG", quality=int(self.amount)
                )
                with Image.open(stream) as opened:
                    read.append(np.asarray(opened).reshape(image.shape))
        return torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).contiguous().to(x.dtype) / 255


@final
class Occlusion(Disturbance):
    """A square of ``fill`` over each image, somewhere: ``share`` of the shorter side long, one pixel at least.

    Severities are 0.1, 0.2, 0.3, 0.4 and 0.5. Source: DeVries & Taylor, "Improved Regularization of
    Convolutional Neural Networks with Cutout" (2017).
    """

    main = "share"
    severities = (0.1, 0.2, 0.3, 0.4, 0.5)
    accepts = (Accepted("0.25"), Accepted("{severity: 2, fill: 0.5}"))
    rejects = (
        Rejected("1.5", "expected a real number from 0 to 1, found the real number 1.5"),
        Rejected("{share: 0.2, fill: 2}", "expected a real number from 0 to 1, found 2"),
    )

    share: Probability | None = None
    fill: Probability = 0.0

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """The place of each image's square is drawn; the square lies wholly inside."""
        import torch

        height, width = x.shape[-2:]
        side = max(round(self.amount * min(height, width)), 1)
        top = torch.randint(0, height - side + 1, (len(x), 1, 1, 1), generator=generator)
        left = torch.randint(0, width - side + 1, (len(x), 1, 1, 1), generator=generator)
        rows, columns = torch.arange(height).view(1, 1, -1, 1), torch.arange(width).view(1, 1, 1, -1)
        inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        return torch.where(inside, torch.full((), self.fill, dtype=x.dtype), x)

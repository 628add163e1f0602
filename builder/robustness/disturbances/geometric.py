"""Rotation, Scale and Shift: where an image stands. What comes in from outside is ``fill``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Positive, Probability
from builder.robustness.disturbances.disturbance import Disturbance

if TYPE_CHECKING:
    from torch import Generator, Tensor

_DIRECTIONS: Final = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))


@final
class Rotation(Disturbance):
    """Each image turned about its centre by ``degrees``, one way or the other; bilinear.

    Severities are 5, 10, 15, 20 and 30 degrees. Source: Engstrom et al., "Exploring the Landscape of Spatial
    Robustness" (2019), whose largest angle is 30 degrees.
    """

    main = "degrees"
    severities = (5, 10, 15, 20, 30)
    accepts = (Accepted("15"), Accepted("{severity: 3, fill: 1}"))
    rejects = (
        Rejected("", "`Rotation` takes `degrees` or `severity`, found neither"),
        Rejected("{degrees: 10, severity: 1}", "`Rotation` takes `degrees` or `severity`, found both"),
        Rejected("{severity: 6}", "expected a `severity` from 1 to 5, found 6"),
    )

    degrees: Positive | None = None
    fill: Probability = 0.0

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """The direction of each image's turn is drawn."""
        import math

        import torch

        angle = math.radians(self.amount)
        sign = 1.0 - 2.0 * torch.randint(0, 2, (len(x),), generator=generator).double()
        cos = torch.full_like(sign, math.cos(angle))
        sin = sign * math.sin(angle)
        return _moved(x, torch.stack([cos, sin, -sin, cos], 1).view(-1, 2, 2), self.fill)


@final
class Scale(Disturbance):
    """Each image made larger by ``factor``, or smaller by as much, about its centre; bilinear.

    Severities are 1.1, 1.2, 1.3, 1.4 and 1.5.
    """

    main = "factor"
    severities = (1.1, 1.2, 1.3, 1.4, 1.5)
    accepts = (Accepted("1.25"), Accepted("{severity: 5}"))
    rejects = (
        Rejected("0", "expected a real number above 0, found 0"),
        Rejected("1", "`factor: 1` changes nothing"),
    )

    factor: Positive | None = None
    fill: Probability = 0.0

    def check_amount(self, amount: float) -> None:
        """Raises ``Cause`` for a factor of 1."""
        if amount == 1:
            raise Cause("`factor: 1` changes nothing", "As in `Scale: 1.2`.", field="factor")

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """Whether each image grows or shrinks is drawn."""
        import torch

        grow = torch.randint(0, 2, (len(x),), generator=generator).bool()
        step = torch.where(
            grow, 1 / self.amount, self.amount
        ).double()  # between the points that are looked up
        return _moved(x, step[:, None, None] * torch.eye(2, dtype=torch.float64), self.fill)


@final
class Shift(Disturbance):
    """Each image moved by ``pixels`` along one axis or both, in one of the eight directions.

    Severities are 1 to 5 pixels.
    """

    main = "pixels"
    severities = (1, 2, 3, 4, 5)
    accepts = (Accepted("2"), Accepted("{severity: 2}"))
    rejects = (Rejected("0.5", "expected a whole number of at least 1, found the real number 0.5"),)

    pixels: Count | None = None
    fill: Probability = 0.0

    @property
    def moves(self) -> int:
        """``pixels``."""
        return int(self.amount)

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """The direction of each image's shift is drawn; the pixels' values stay as they are."""
        import torch
        from torch.nn.functional import pad

        far = self.moves
        directions = torch.randint(0, len(_DIRECTIONS), (len(x),), generator=generator).tolist()
        height, width = x.shape[-2:]
        wide = pad(x, (far, far, far, far), value=self.fill)
        moved = torch.empty_like(x)
        for number, (down, right) in enumerate(_DIRECTIONS):
            chosen = torch.tensor([place for place, drawn in enumerate(directions) if drawn == number])
            if len(chosen):
                top, left = far - down * far, far - right * far
                moved[chosen] = wide[chosen, :, top : top + height, left : left + width]
        return moved


def _moved(x: Tensor, matrix: Tensor, fill: float) -> Tensor:
    """Each image looked up where ``matrix`` (N×2×2, in pixels, about the centre) sends its points."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    height, width = x.shape[-2:]
    # The grid's unit is half a side: what is square in pixels is not square in it.
    sides = torch.tensor([width, height], dtype=torch.float64)
    theta = torch.zeros(len(x), 2, 3, dtype=torch.float64)
    theta[:, :, :2] = matrix * (sides[None, :] / sides[:, None])
    grid = affine_grid(theta, list(x.shape), align_corners=False).to(x.dtype)
    # Outside is 0 for torch: shifted by `fill`, 0 is what `fill` stands for.
    return (grid_sample(x - fill, grid, padding_mode="zeros", align_corners=False) + fill).clamp(0, 1)

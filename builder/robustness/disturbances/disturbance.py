"""What a disturbance is: a change of an image that leaves what it shows as it was, and may lead a network astray.

Amounts are physical (degrees, pixels, quality), or a severity from 1 to 5, as in Hendrycks & Dietterich,
"Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (2019).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self, final

from pydantic import model_validator

from builder.component import Catalogue, Component
from builder.data.transforms.transform import expect_image
from builder.errors import Cause
from builder.fields import Count
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Disturbance(Component):
    """A disturbance of images in [0, 1]. Its main field is how much; ``severities`` are five amounts of it."""

    severities: ClassVar[tuple[float, float, float, float, float]]

    severity: Count | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        name = self.main or ""
        given = getattr(self, name)
        if (given is None) == (self.severity is None):
            found = "neither" if given is None else "both"
            raise Cause(f"`{type(self).__name__}` takes `{name}` or `severity`, found {found}")
        if self.severity is not None and self.severity > len(self.severities):
            raise Cause(f"expected a `severity` from 1 to 5, found {self.severity}", field="severity")
        if given is not None:
            self.check_amount(given)
        return self

    def check_amount(self, amount: float) -> None:
        """Raises ``Cause`` for an amount that the main field's type takes and the disturbance does not."""

    @property
    def amount(self) -> float:
        """How much, in the unit of the main field."""
        given = getattr(self, self.main or "")
        return float(self.severities[(self.severity or 1) - 1] if given is None else given)

    @property
    def moves(self) -> int:
        """By how many pixels what an image shows is moved, as a whole."""
        return 0

    @final
    def check(self, arrives: TensorType) -> None:
        """Raises ``Cause`` unless images arrive, of which something is left."""
        _, height, width = expect_image(arrives, type(self).__name__)
        if self.moves >= min(height, width):
            raise Cause(
                f"`{type(self).__name__}` moves an image by {self.moves} pixels, and of one of {height}×{width} "
                "nothing is left",
                f"Move it by less than {min(height, width)}.",
            )

    @abstractmethod
    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """N×C×H×W in [0, 1] to the same; what is left to chance is drawn for each image from ``generator``."""


disturbances: Final[Catalogue[Disturbance]] = Catalogue(
    "disturbance", "builder.robustness.disturbances", Disturbance
)

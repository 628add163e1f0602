"""What a transform is: geometry once, augmentation on every training batch, affine last.

Names, fields, defaults and meaning are those of torchvision.transforms.v2 on float tensors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from builder.component import Catalogue, Component
from builder.errors import Cause
from builder.shapes import TensorType, expect_fixed

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Generator, Tensor

    from builder.data.info import DataInfo

Range = tuple[float, float]


class Transform(Component):
    """A step between a source and a network. ``stage`` says when it runs."""

    stage: ClassVar[Literal["geometry", "augment", "affine"]]

    @abstractmethod
    def rule(self, arrives: TensorType) -> TensorType:
        """What leaves, for what arrives; without torch. Raises ``Cause`` if it cannot arrive."""


class Geometry(Transform):
    """Geometry or colour: runs once, when the data is loaded."""

    stage = "geometry"

    @abstractmethod
    def apply(self, x: Tensor) -> Tensor:
        """N×C×H×W in [0, 1] to the same of the rule's shape."""


class Augmentation(Transform):
    """A random change of each example of a training batch; its shape stays."""

    stage = "augment"

    @abstractmethod
    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """N×C×H×W in [0, 1] to the same; one draw per example from ``generator``, which lives on the CPU."""


Adding = Callable[["Tensor", "Tensor", "Generator"], tuple["Tensor", "Tensor"]]


class Addition(Transform):
    """Further examples for each training batch, with their classes; those that are there stay as they are."""

    stage = "augment"

    def rule(self, arrives: TensorType) -> TensorType:
        """The same shape: added examples are of the batch's."""
        return arrives

    @abstractmethod
    def check(self, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause``, with the field, if it has nothing to add to such data; without torch.

        ``info`` describes the data after geometry, ``folder`` is what paths are relative to.
        """

    @abstractmethod
    def open(self, folder: Path) -> Adding:
        """What adds: x (N×…, in the source's range) and y (int64, N) to more of both, drawn from a generator.

        The generator lives on the CPU. Raises ``RunError`` if what the examples come from cannot be used.
        """


class Affine(Transform):
    """A scale and a shift, fitted on the training part; the last step, and part of the network's input."""

    stage = "affine"
    fits: ClassVar[bool]

    @abstractmethod
    def fit(self, x: Tensor | None, span: Range | None) -> tuple[Tensor, Tensor]:
        """Scale and shift, one per channel or one for all (float64, on the CPU).

        ``x`` is the training part as it arrives, or None where ``fits`` is false; ``span`` its range.
        """

    @abstractmethod
    def range_after(self, span: Range | None) -> Range | None:
        """The declared range after it, for the one before; raises ``Cause`` if it needs one and has none."""


transforms: Final[Catalogue[Transform]] = Catalogue("transform", "builder.data.transforms", Transform)


def expect_image(arrives: TensorType, name: str) -> tuple[int, int, int]:
    """Channels, height and width; raises ``Cause`` unless images arrive."""
    if arrives.vocabulary is not None or len(arrives.shape) != 3:
        raise Cause(f"`{name}` needs images (C, H, W), and {arrives} arrives")
    channels, height, width = expect_fixed(arrives, name)
    return channels, height, width

"""RandomRotation: every image turned about its centre by an angle drawn from a range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, final

from builder.component import Accepted, Rejected
from builder.data.transforms.transform import Augmentation, expect_image
from builder.fields import Checked, Probability, wrong
from builder.shapes import TensorType

if TYPE_CHECKING:
    from torch import Generator, Tensor

_EXPECTED: Final = "a real number of at least 0, or a rising list of two"


def _degrees(value: Any) -> float | tuple[float, float]:
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e6 for n in numbers):
        raise wrong(_EXPECTED, value)
    if isinstance(value, list | tuple):
        if len(numbers) != 2 or numbers[0] > numbers[1]:
            raise wrong(_EXPECTED, value)
        return float(numbers[0]), float(numbers[1])
    if value < 0:
        raise wrong(_EXPECTED, value)
    return float(value)


_NUMBER: Final[dict[str, Any]] = {"type": "number"}
Degrees = Annotated[
    float | tuple[float, float],
    Checked(
        _degrees,
        {
            "anyOf": [
                _NUMBER | {"minimum": 0},
                {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
            ]
        },
    ),
]


@final
class RandomRotation(Augmentation):
    """Turns each image about its centre, anticlockwise, by an angle from [−degrees, degrees] or [from, to].

    What turns in from outside is ``fill``. Source: torchvision.transforms.v2.RandomRotation; computed by
    kornia.geometry.transform.rotate, which turns every image.
    """

    main = "degrees"
    refused: ClassVar[Mapping[str, str]] = {
        "expand": "The images of a batch have one size.",
        "center": "Images turn about their centre.",
    }
    accepts = (
        Accepted("10", on=((1, 8, 8),)),
        Accepted("{degrees: [90, 90], interpolation: bilinear, fill: 1}", on=((3, 8, 9),)),
    )
    rejects = (
        Rejected("", "`RandomRotation` needs `degrees`"),
        Rejected("-10", "expected a real number of at least 0, or a rising list of two, found -10"),
        Rejected(
            "[10, -10]",
            "expected a real number of at least 0, or a rising list of two, found the list [10, -10]",
        ),
        Rejected("{degrees: 10, expand: true}", "`RandomRotation` does not take `expand` here"),
    )

    degrees: Degrees
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    fill: Probability = 0.0

    def rule(self, arrives: TensorType) -> TensorType:
        """The same shape. Raises ``Cause`` unless images arrive."""
        expect_image(arrives, "RandomRotation")
        return arrives

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """Turns each image by its own angle, by kornia's ``rotate``; corners become ``fill``."""
        import torch
        from kornia.geometry.transform import rotate

        low, high = self.degrees if isinstance(self.degrees, tuple) else (-self.degrees, self.degrees)
        angles = (torch.rand(len(x), generator=generator) * (high - low) + low).to(x.device, x.dtype)
        # Outside is 0 for kornia: shifted by `fill`, 0 is what `fill` stands for.
        turned = rotate(x - self.fill, angles, mode=self.interpolation, padding_mode="zeros") + self.fill
        return turned.clamp(0, 1)

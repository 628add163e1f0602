"""What is known of data: what arrives, what is to be said of it, how many examples there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from builder.shapes import Shape, Size, TensorType

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS: Final = ("train", "validation", "test")


class Target(NamedTuple):
    """What a network is to say of one example: one of ``classes``, or reals of ``shape``.

    ``names`` are the classes' names in the order of their numbers. With ``steps`` it is to say that at every
    step of the input's time axis, which is so long, or free. A ``forecast`` goes on with the input's own
    series: it is in its units, and preprocessed as the input is.
    """

    classes: int | None = None
    shape: Shape = ()
    names: tuple[str, ...] = ()
    steps: Size | None = None
    forecast: bool = False

    def __str__(self) -> str:
        each = "" if self.steps is None else " at each step"
        if self.classes is not None:
            return f"one of {self.classes} classes{each}"
        return f"{TensorType(self.shape)} reals{each}"


@dataclass(frozen=True, slots=True)
class DataInfo:
    """What is known of data before it is loaded.

    ``range`` is what the values of ``input`` lie in by declaration, or None; ``examples`` leaves out those of
    the source's own test part, which are ``test_examples``. ``vocabulary`` are the tokens by their numbers.

    The examples of ``ordered`` data follow each other in time: parts are cut from them as they stand. At the
    beginning of each later part, ``overlap`` examples are left out that share values with the part before.
    ``labels`` (int64) are those of the examples, and of the own test part, where they were read to know this.
    """

    input: TensorType
    target: Target
    examples: int
    test_examples: int = 0
    range: tuple[float, float] | None = (0.0, 1.0)
    vocabulary: tuple[str, ...] = ()
    ordered: bool = False
    overlap: int = 0
    labels: tuple[NDArray[Any], ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Loaded data: ``x`` float32 (tokens: int64), channels first; ``y`` int64 labels, or float32 reals.

    Images lie in [0, 1]. ``test`` is the source's own test part, if it has one. Sequences of unequal lengths
    are padded at the end: ``lengths`` (int64, N) says how many steps are real.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    test: Examples | None = None
    lengths: NDArray[Any] | None = None

    def take(self, indices: NDArray[Any]) -> Examples:
        """Some of the examples, without the test part."""
        lengths = None if self.lengths is None else self.lengths[indices]
        return Examples(self.x[indices], self.y[indices], lengths=lengths)

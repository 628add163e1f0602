"""What GaussianRing and GaussianGrid share: as many points about each centre, with one standard deviation."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.fields import Count, Natural, Positive
from builder.shapes import TensorType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class GaussianMixture(Dataset):
    """Points of the plane, x N×2; the target is the mode that a point was drawn from, counted from 0.

    Every mode has as many points, to within one. A subclass says where the modes are and has ``std``, which
    is that of both coordinates, about each centre.
    """

    std: Positive
    examples: Count = 10_000
    seed: Natural = 0

    @abstractmethod
    def centres(self) -> NDArray[np.float64]:
        """Where the modes are, K×2, in the order of their numbers."""

    def describe(self, folder: Path) -> DataInfo:
        """Points of the plane without a declared range; the class of a point is its mode."""
        return DataInfo(TensorType((2,)), Target(classes=len(self.centres())), self.examples, range=None)

    def load(self, folder: Path) -> Examples:
        """Draws as many points of each mode as of any other, to within one, in random order."""
        import numpy as np

        centres = self.centres()
        draw = np.random.RandomState(self.seed % 2**32)  # its stream is frozen by NumPy's own promise
        modes = draw.permutation(self.examples) % len(centres)
        points = centres[modes] + self.std * draw.standard_normal((self.examples, 2))
        return Examples(points.astype(np.float32), modes.astype(np.int64))

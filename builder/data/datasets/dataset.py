"""What a dataset is: a source of examples that describes itself before it is loaded."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Final

from builder.component import Catalogue, Component
from builder.data.info import DataInfo, Examples


class Dataset(Component):
    """A source of data. What it holds is known without loading it."""

    @abstractmethod
    def describe(self, folder: Path) -> DataInfo:
        """What the source holds; cheap, without torch. ``folder`` is that of the file that names it.

        Raises ``Cause`` if the data is not there or cannot be used.
        """

    @abstractmethod
    def load(self, folder: Path) -> Examples:
        """The examples. Raises ``DataError``."""

    def seen(self, share: float) -> Dataset:
        """This source, with what it finds for itself (a vocabulary) found in its first ``share`` alone."""
        return self


datasets: Final[Catalogue[Dataset]] = Catalogue("dataset", "builder.data.datasets", Dataset)

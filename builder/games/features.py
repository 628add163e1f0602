"""What stands for an example when samples are compared: what a classifier makes of it, or its values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.data.info import DataInfo
from builder.data.section import Data
from builder.errors import Cause
from builder.fields import Text
from builder.files.data import MAX_CLASSIFIER_BYTES, find_file
from builder.games.measures.measure import Measure, Sampled

if TYPE_CHECKING:
    from torch import Tensor

MOST: Final = 5000  # examples compared at once: two sets of them have 25 million distances


class InFeatures(Measure):
    """A measure that compares samples and held-out examples in features.

    ``classifier`` is a ``model.onnx`` that `gradspec train` wrote, inside the folder of the spec: features are
    what arrives at its last layer of weights. Without one they are the values themselves, which says little of
    images: one shifted by a pixel is far away.
    """

    main = "classifier"

    classifier: Text | None = None

    def check(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause`` for tokens, and for a ``classifier`` that is not there."""
        refuse_tokens(info, type(self).__name__)
        if self.classifier is not None:
            find_file(folder, self.classifier, "classifier", MAX_CLASSIFIER_BYTES)

    def prepare(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``DataError`` for a classifier that does not take the data's examples."""
        if self.classifier is not None:
            from builder.runtime.games.classifier import Classifier

            Classifier.open(folder, self.classifier).check(info.input.sized(1))

    def features(self, sampled: Sampled) -> tuple[Tensor, Tensor]:
        """Of held-out examples (M×D) and of samples (N×D), float64, at most ``MOST`` of each."""
        real, fake = sampled.real[:MOST], sampled.samples[:MOST]
        if self.classifier is None:
            return real.flatten(1).double(), fake.flatten(1).double()
        from builder.runtime.games.classifier import Classifier

        judge = Classifier.open(sampled.folder, self.classifier)
        return judge.features(real).double(), judge.features(fake).double()


def refuse_tokens(info: DataInfo, name: str) -> None:
    """Raises ``Cause`` for data of tokens, which are no nearer to one another or farther."""
    if info.input.vocabulary is not None:
        raise Cause(f"`{name}` needs examples of real numbers, and {info.input} arrive")


def finite(rows: Tensor) -> Tensor:
    """Which rows of N×… hold finite numbers alone."""
    return rows.flatten(1).isfinite().all(1)

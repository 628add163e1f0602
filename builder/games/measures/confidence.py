"""confidence: whether a classifier that knows the examples recognises samples, and which classes it finds."""

from __future__ import annotations

from pathlib import Path
from typing import final

from builder.component import Accepted, Rejected
from builder.data.info import DataInfo
from builder.data.section import Data
from builder.fields import Probability, Text
from builder.files.data import MAX_CLASSIFIER_BYTES, find_file
from builder.games.features import refuse_tokens
from builder.games.measures.measure import Measure, Sampled


@final
class confidence(Measure):
    """The share of samples of which a classifier is sure, and how many classes are among those.

    ``classifier`` is a ``model.onnx`` that `gradspec train` wrote, inside the folder of the spec. It is sure
    where the largest softmax is ``least`` or more. Whether samples of a class differ, this does not say:
    `precision_recall` does.
    Source: Salimans et al., "Improved Techniques for Training GANs" (2016), whose score is of such
    probabilities.
    """

    figures = ("confident_samples", "classes_seen")
    better = dict.fromkeys(figures, "higher")
    main = "classifier"
    accepts = (Accepted("classifier.onnx"), Accepted("{classifier: a/model.onnx, least: 0.9}"))
    rejects = (
        Rejected("", "`confidence` needs `classifier`"),
        Rejected("{classifier: a.onnx, least: 60}", "expected a real number from 0 to 1, found 60"),
    )

    classifier: Text
    least: Probability = 0.6

    def check(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause`` for tokens, and for a ``classifier`` that is not there."""
        refuse_tokens(info, "confidence")
        find_file(folder, self.classifier, "classifier", MAX_CLASSIFIER_BYTES)

    def prepare(self, data: Data, info: DataInfo, folder: Path) -> None:
        """Raises ``DataError`` for a classifier that does not take the data's examples."""
        from builder.runtime.games.classifier import Classifier

        Classifier.open(folder, self.classifier).check(info.input.sized(1))

    def of(self, sampled: Sampled) -> dict[str, float]:
        """``confident_samples``, a share, and ``classes_seen``, how many classes a confident sample is of."""
        from builder.runtime.games.classifier import Classifier

        logits = Classifier.open(sampled.folder, self.classifier).logits(sampled.samples).double()
        sure, found = logits.softmax(1).max(1)
        confident = sure >= self.least  # never, where a logit is no number
        return {
            "confident_samples": float(confident.double().mean()),
            "classes_seen": float((found[confident].bincount() > 0).sum()),
        }

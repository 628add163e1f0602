"""CopyMemory: ten symbols, a wait of T steps, and the same ten symbols again."""

from __future__ import annotations

from pathlib import Path
from typing import Final, final

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.fields import Count, Natural
from builder.shapes import TensorType

SYMBOLS: Final = 8
COPIED: Final = 10
_BLANK: Final = SYMBOLS
_GO: Final = SYMBOLS + 1
_NAMES: Final = (*"01234567", "blank", "go")


@final
class CopyMemory(Dataset):
    """Ten symbols of eight are shown, then blanks; after ``length`` steps and a go, they are to be repeated.

    x holds length + 20 tokens of ten: ten symbols (0 to 7), length − 1 blanks (8), the go (9), ten blanks.
    The target of every step is one of nine classes: a blank, length + 10 times, then the ten symbols. Who
    remembers nothing but the time has a mean cross entropy of 10·ln 8/(length + 20). Source: Arjovsky, Shah
    & Bengio, "Unitary Evolution Recurrent Neural Networks" (2016), section 5.1, after Hochreiter &
    Schmidhuber (1997).
    """

    main = "length"
    accepts = (Accepted("100"), Accepted("{length: 400, examples: 20000, seed: 1}"))
    rejects = (
        Rejected("", "`CopyMemory` needs `length`"),
        Rejected("{length: 0}", "expected a whole number of at least 1, found 0"),
    )

    length: Count
    examples: Count = 10_000
    seed: Natural = 0

    def describe(self, folder: Path) -> DataInfo:
        """Sequences of length + 2·10 tokens, and a class for every step."""
        steps = self.length + 2 * COPIED
        target = Target(SYMBOLS + 1, names=_NAMES[:-1], steps=steps)
        kind = TensorType((steps,), SYMBOLS + 2)
        return DataInfo(kind, target, self.examples, range=None, vocabulary=_NAMES)

    def load(self, folder: Path) -> Examples:
        """Draws the symbols; they stand at the beginning of x, and at the end of y. Both are N×steps, int64."""
        import numpy as np

        draw = np.random.RandomState(self.seed % 2**32)  # its stream is frozen by NumPy's own promise
        symbols = draw.randint(0, SYMBOLS, (self.examples, COPIED))
        x = np.full((self.examples, self.length + 2 * COPIED), _BLANK, dtype=np.int64)
        y = x.copy()
        x[:, :COPIED] = symbols
        x[:, COPIED + self.length - 1] = _GO
        y[:, -COPIED:] = symbols
        return Examples(x, y)

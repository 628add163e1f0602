"""AddingProblem: y = Σ_t value_t · mark_t, a memory of two real numbers over T steps."""

from __future__ import annotations

from pathlib import Path
from typing import Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.errors import Cause
from builder.fields import Count, Natural
from builder.shapes import TensorType


@final
class AddingProblem(Dataset):
    """Each step holds a value from [0, 1) and a mark; the target is the sum of the two marked values.

    x is N×length×2: the values, then the marks, 1 at one step of the first half and at one of the second,
    else 0. Always saying 1, the mean, has a mean squared error of 1/6 ≈ 0.167: below it, something was
    remembered. Source: Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997), experiment 4, in the form
    of Arjovsky, Shah & Bengio, "Unitary Evolution Recurrent Neural Networks" (2016), section 5.2.
    """

    main = "length"
    accepts = (Accepted("100"), Accepted("{length: 400, examples: 20000, seed: 1}"))
    rejects = (
        Rejected("", "`AddingProblem` needs `length`"),
        Rejected("1", "two steps are marked, and there is one"),
        Rejected("{length: 0}", "expected a whole number of at least 1, found 0"),
    )

    length: Count
    examples: Count = 10_000
    seed: Natural = 0

    @model_validator(mode="after")
    def _has_two_steps(self) -> Self:
        if self.length < 2:
            raise Cause("two steps are marked, and there is one", field="length")
        return self

    def describe(self, folder: Path) -> DataInfo:
        """Sequences N×length×2 of numbers in [0, 1]; the target is one real."""
        return DataInfo(TensorType((self.length, 2)), Target(shape=(1,)), self.examples, range=(0.0, 1.0))

    def load(self, folder: Path) -> Examples:
        """Draws uniform values and two marks, one in each half; y is the sum of the two marked values, N×1."""
        import numpy as np

        draw = np.random.RandomState(self.seed % 2**32)  # its stream is frozen by NumPy's own promise
        values = draw.random_sample((self.examples, self.length))
        half = self.length // 2
        marks = np.zeros_like(values)
        every = np.arange(self.examples)
        marks[every, draw.randint(0, half, self.examples)] = 1
        marks[every, draw.randint(half, self.length, self.examples)] = 1
        x = np.stack([values, marks], axis=2).astype(np.float32)
        return Examples(x, x.prod(axis=2).sum(axis=1, keepdims=True))

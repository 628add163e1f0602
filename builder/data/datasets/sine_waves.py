"""SineWaves: sums of sines, at each step of which the next value is to be said."""

from __future__ import annotations

from pathlib import Path
from typing import final

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.fields import Count, Natural, NonNegative
from builder.shapes import TensorType


@final
class SineWaves(Dataset):
    """Each example is a sum of sine waves, with noise; the target of every step is the next step's value.

    value_t = Σ_k a_k·sin(2π·t/p_k + φ_k)/√waves + noise·ε_t: amplitudes a from 0.5 to 1.5, periods p from 8
    to 64 steps, phases φ from 0 to 2π, all uniform, and ε normal. x is N×length×1. Nobody can have a mean
    squared error below noise².
    """

    main = "length"
    accepts = (Accepted("50"), Accepted("{length: 100, waves: 3, noise: 0.1, examples: 500, seed: 1}"))
    rejects = (
        Rejected("", "`SineWaves` needs `length`"),
        Rejected("{length: 9, noise: -1}", "expected a real number of at least 0, found -1"),
    )

    length: Count
    waves: Count = 2
    noise: NonNegative = 0.0
    examples: Count = 1000
    seed: Natural = 0

    def describe(self, folder: Path) -> DataInfo:
        """Series N×length×1 without a declared range; the target is a forecast of one step, at every step."""
        target = Target(shape=(1,), steps=self.length, forecast=True)
        return DataInfo(TensorType((self.length, 1)), target, self.examples, range=None)

    def load(self, folder: Path) -> Examples:
        """Draws amplitudes, periods and phases; y is x one step later."""
        import numpy as np

        draw = np.random.RandomState(self.seed % 2**32)  # its stream is frozen by NumPy's own promise
        time = np.arange(self.length + 1)
        values = np.zeros((self.examples, self.length + 1))
        for _ in range(self.waves):
            amplitude, period, phase = (
                draw.uniform(low, high, (self.examples, 1))
                for low, high in ((0.5, 1.5), (8, 64), (0, 2 * np.pi))
            )
            values += amplitude * np.sin(2 * np.pi * time / period + phase)
        values = values / self.waves**0.5 + self.noise * draw.standard_normal(values.shape)
        series = values.astype(np.float32)[:, :, None]
        return Examples(series[:, :-1], series[:, 1:])

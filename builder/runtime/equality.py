"""Are two cells the same function, however written? Found by form, confirmed by numbers in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from builder.cell import Cell
from builder.equality import Counterexample, Equal, assignments, candidates, translated
from builder.runtime.plain_cell import unrolled

Array = NDArray[Any]

CLOSE: Final = 1e-9
MOST_CANDIDATES: Final = 300  # ways of matching that are tried by numbers, a few milliseconds each
TRIALS: Final = 3  # sets of random numbers that must agree
SEARCHED: Final = 100  # sets of random numbers of which the farthest apart is shown
STEPS: Final = 3
HIDDEN: Final = 2
OTHER_STREAM: Final = 1 << 16


def equal_in_meaning(one: Cell, other: Cell) -> Equal | Counterexample:
    """How the cells' parameters correspond, or numbers for which the cells differ.

    Equal cells give the same outputs for all inputs, from zero states, and any parameters of either can be
    said in parameters of the other. Names, order, signs, several biases for one, packed matrices and values in
    between do not count. Two cells called different may be equal in a way that nobody writes gates: the
    counterexample then shows parameters that do not correspond.
    """
    fairest: tuple[float, Equal] | None = None
    for candidate in islice(_all(one, other), MOST_CANDIDATES):
        apart = _difference(_trial(candidate, 0))
        if apart < CLOSE:
            apart = max(apart, *(_difference(_trial(candidate, seed)) for seed in range(1, TRIALS)))
            if apart < CLOSE and _whole(candidate):
                return candidate
        if fairest is None or apart < fairest[0]:
            fairest = apart, candidate
    assert fairest is not None
    trials = (_trial(fairest[1], seed, digits=1) for seed in range(SEARCHED))
    return max(trials, key=_difference)


def _all(one: Cell, other: Cell) -> Iterator[Equal]:
    yield from candidates(one, other)
    yield from assignments(one, other)


def _whole(equal: Equal) -> bool:
    """Whether every parameter of either cell is told."""
    told = {leaf.name for leaf in equal.parameters}
    used = {leaf.name for combination in equal.parameters.values() for _, leaf in combination}
    return told >= equal.other.parameters.keys() and used >= equal.one.parameters.keys()


def _trial(equal: Equal, seed: int, digits: int | None = None) -> Counterexample:
    """Both cells run on random numbers (of so many decimals), with the parameters as ``equal`` tells them."""
    one, other = equal.one, equal.other
    wide = one.elementwise_x is not None or other.elementwise_x is not None
    sizes = {"input": HIDDEN if wide or digits is not None else HIDDEN + 1, "hidden": HIDDEN}

    def drawn(cell: Cell, stream: int) -> dict[str, Array]:
        random = np.random.default_rng(seed + stream)
        shapes = cell.parameter_shapes(sizes["input"], HIDDEN)
        return {name: _rounded(random.standard_normal(shape), digits) for name, shape in shapes.items()}

    x = _rounded(np.random.default_rng([seed, 1]).standard_normal((STEPS, sizes["input"])), digits)
    ours = drawn(one, 0)
    theirs = translated(equal, ours, sizes, default=drawn(other, OTHER_STREAM))
    a, b = _output(one, ours, x), _output(other, theirs, x)
    return Counterexample(x, ours, theirs, a, b, _apart(a, b))


def _rounded(array: Array, digits: int | None) -> Array:
    return array if digits is None else np.round(array, digits)


def _output(cell: Cell, weights: Mapping[str, Array], x: Array) -> Array:
    tensors = {name: torch.as_tensor(array, dtype=torch.float64) for name, array in weights.items()}
    with torch.no_grad():
        output, _ = unrolled(cell, tensors, torch.from_numpy(x)[None])
    found: Array = output[0].numpy()
    return found


def _apart(a: Array, b: Array) -> float:
    """The largest difference; infinite where one is a number and the other is not."""
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return float("inf")
    both = np.isfinite(a)
    return float(np.abs(a - b)[both].max()) if both.any() else 0.0


def _difference(trial: Counterexample) -> float:
    return trial.difference

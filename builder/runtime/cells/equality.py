"""Are two cells the same function, however written? Found by form, confirmed by numbers in float64."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from builder.cells.cell import Cell
from builder.cells.meaning.equality import Counterexample, Equal, assignments, candidates, translated
from builder.runtime.cells.plain import unrolled

Array = NDArray[Any]

CLOSE: Final = 1e-9
MOST_CANDIDATES: Final = 150  # ways of matching that are tried by numbers, a few milliseconds each
TRIALS: Final = 3  # sets of random numbers that must agree
SEARCHED: Final = 40  # sets of random numbers of which the farthest apart is shown
STEPS: Final = 3
HIDDEN: Final = 2
OTHER_STREAM: Final = 1 << 16


class Condition(NamedTuple):
    """What a trial is made under: its steps, and the scale of the inputs and of the weights."""

    steps: int = STEPS
    inputs: float = 1.0
    weights: float = 1.0


_USUAL: Final = (Condition(),) * TRIALS


def equal_in_meaning(one: Cell, other: Cell) -> Equal | Counterexample:
    """How the cells' parameters correspond, or numbers for which the cells differ.

    Equal cells give the same outputs for all inputs, from zero states, and any parameters of either can be
    said in parameters of the other. Names, order, signs, several biases for one, packed matrices and values in
    between do not count. Where the form does not show that they are equal, numbers must: small and large ones,
    over more steps than anything can be held back. Two cells called different may be equal in a way that
    is not searched for: the counterexample then shows parameters that do not correspond.
    """
    fairest: tuple[float, Equal] | None = None
    shown = ((candidate, _USUAL) for candidate in candidates(one, other))
    guessed = ((candidate, _severe(one, other)) for candidate in assignments(one, other))
    for candidate, conditions in islice(chain(shown, guessed), MOST_CANDIDATES):
        apart = 0.0
        for seed, condition in enumerate(conditions):
            apart = max(apart, _difference(_trial(candidate, seed, condition)))
            if apart >= CLOSE:
                break
        if apart < CLOSE and _whole(candidate):
            return candidate
        if fairest is None or apart < fairest[0]:
            fairest = apart, candidate
    assert fairest is not None
    return _plainest(fairest[1])


def _severe(one: Cell, other: Cell) -> tuple[Condition, ...]:
    """The conditions under which equal cells must agree.

    `relu(x - 50)` shows in large inputs, `d: c_prev` after some steps.
    """
    steps = max(len(one.equations), len(other.equations)) + STEPS
    return (
        *_USUAL,
        *(Condition(steps, inputs=scale) for scale in (1.0, 1e-2, 1e1, 1e2, 1e3) * TRIALS),
        *(Condition(steps, weights=scale) for scale in (1e-1, 1e1, 1e2) * TRIALS),
    )


def _plainest(candidate: Equal) -> Counterexample:
    """Short numbers on which the cells differ, and differ much; else those on which they were found to differ."""
    trials = [_trial(candidate, seed, digits=1) for seed in range(SEARCHED)]
    worst = max(trials, key=_difference)
    if _difference(worst) >= CLOSE:
        return worst
    conditions = enumerate(_severe(candidate.one, candidate.other))
    return max(
        (_trial(candidate, seed, condition, digits=1) for seed, condition in conditions), key=_difference
    )


def _whole(equal: Equal) -> bool:
    """Whether the correspondence holds every parameter of both cells."""
    matched = {leaf.name for leaf in equal.parameters}
    used = {leaf.name for combination in equal.parameters.values() for _, leaf in combination}
    return matched >= equal.other.parameters.keys() and used >= equal.one.parameters.keys()


def _trial(
    equal: Equal, seed: int, condition: Condition = _USUAL[0], digits: int | None = None
) -> Counterexample:
    """Both cells run on random numbers (of so many decimals), with parameters that correspond as ``equal`` says."""
    one, other = equal.one, equal.other
    wide = one.elementwise_x is not None or other.elementwise_x is not None
    sizes = {"input": HIDDEN if wide or digits is not None else HIDDEN + 1, "hidden": HIDDEN}

    def drawn(cell: Cell, stream: int) -> dict[str, Array]:
        random = np.random.default_rng(seed + stream)
        shapes = cell.parameter_shapes(sizes["input"], HIDDEN)
        numbers = {name: condition.weights * random.standard_normal(shape) for name, shape in shapes.items()}
        return {name: _rounded(array, digits) for name, array in numbers.items()}

    random = np.random.default_rng([seed, 1])
    x = _rounded(condition.inputs * random.standard_normal((condition.steps, sizes["input"])), digits)
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
    values: Array = output[0].numpy()
    return values


def _apart(a: Array, b: Array) -> float:
    """The largest difference, of what exceeds 1 its share; infinite where only one is a number."""
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return float("inf")
    both = np.isfinite(a)
    return float((np.abs(a - b) / np.maximum(np.abs(a), 1.0))[both].max()) if both.any() else 0.0


def _difference(trial: Counterexample) -> float:
    return trial.difference

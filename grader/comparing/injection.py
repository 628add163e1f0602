"""The same weights and the same inputs for the reference and every submission.

A tensor's values come from a stream of its own (PCG64, seeded with the check's seed and the tensor's place
in the reference), so that they do not depend on how a submission is written. Weights are scaled by fan-in,
which keeps a signal's size through any depth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Component, Rejected
from builder.errors import Cause, DataError
from builder.fields import Count, Natural, Text
from builder.shapes import Shape, TensorType, count
from grader.check import Brief, Subject
from grader.comparing.matching import match, match_inputs, own_state, weighted
from grader.comparing.translation import Piece, assembled
from grader.exchange import Array, Task
from grader.outcome import Blocked
from grader.outline import Outline, OutlineLayer

if TYPE_CHECKING:
    from builder.runtime.network.module import Network
    from grader.submission.submission import Submission

COUNTER: Final = "num_batches_tracked"
STEPS: Final = 7  # of the longest free axis
LENGTHS: Final = "_lengths"  # after an input's name
INPUT_STREAM: Final = 1 << 20  # streams of weights count from 0
DIRECTION_STREAM: Final = 1 << 21
SKETCH_STREAM: Final = 1 << 22
ENTRY_STREAM: Final = 1 << 23
LENGTH_STREAM: Final = 1 << 24


def stream(seed: int, number: int) -> np.random.Generator:
    """The ``number``-th of a seed's independent streams."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number])))


@final
class Inputs(Component):
    """What both networks are given: `count` examples drawn from `seed`, or a file.

    Reals are standard normal, tokens uniform. A free axis is padded to 7 steps, and the examples are of all
    lengths up to it. A file is an `.npz` in the assignment's folder, with an array for every input under its
    name (N×…), and for one with a free axis its `…_lengths`, if not all examples fill it.
    """

    section_key: ClassVar[str | None] = "inputs"
    main: ClassVar[str | None] = "file"
    accepts = (Accepted("{count: 8, seed: 0}"), Accepted("images.npz"))
    rejects = (
        Rejected("{count: 0}", "expected a whole number of at least 1, found 0"),
        Rejected("{file: x.npz, seed: 1}", "`inputs` is a file, or drawn with `count` and `seed`"),
    )

    file: Text | None = None
    count: Count = 8
    seed: Natural = 0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.file is not None and (self.count, self.seed) != (8, 0):
            raise Cause("`inputs` is a file, or drawn with `count` and `seed`", field="file")
        return self

    def arrays(self, folder: Path, reference: Outline) -> dict[str, Array]:
        """An array N×… for each of the reference's inputs, and N lengths along each free axis.

        The lengths are named ``<input>_lengths``. Raises ``DataError`` if the file does not fit.
        """
        types = reference.inputs
        if self.file is not None:
            return read_inputs(folder, self.file, types) | read_lengths(folder, self.file, reference)
        steps = {symbol: max(STEPS - place, 1) for place, symbol in enumerate(reference.lengths)}
        drawn = {
            name: _drawn_input(kind, self.count, steps, stream(self.seed, INPUT_STREAM + place))
            for place, (name, kind) in enumerate(types.items())
        }
        return drawn | {
            f"{name}{LENGTHS}": _drawn_lengths(
                self.count, steps[symbol], stream(self.seed, LENGTH_STREAM + place)
            )
            for place, (symbol, name) in enumerate(reference.lengths.items())
        }


def _drawn_input(
    kind: TensorType, examples: int, steps: Mapping[str, int], random: np.random.Generator
) -> Array:
    shape = (examples, *(steps[size] if isinstance(size, str) else size for size in kind.shape))
    if kind.vocabulary is not None:
        return random.integers(0, kind.vocabulary, shape)
    return random.standard_normal(shape)


def _drawn_lengths(examples: int, steps: int, random: np.random.Generator) -> Array:
    """Lengths from 1 to ``steps``; the first example has them all, the second, if there is one, a single step."""
    lengths = random.integers(1, steps + 1, examples)
    lengths[:2] = (steps, 1)[:examples]
    return lengths


def read_inputs(folder: Path, file: str, types: Mapping[str, TensorType]) -> dict[str, Array]:
    """The inputs in an ``.npz`` of the assignment's folder. Raises ``DataError`` if they do not fit."""
    stored = read_npz(folder, file)
    if len(types) == 1 and len(arrays_alone := [k for k in stored if not k.endswith(LENGTHS)]) == 1:
        stored = {next(iter(types)): stored[arrays_alone[0]]}
    if len(types) == len(stored) == 1:
        stored = dict(zip(types, stored.values(), strict=True))
    arrays: dict[str, Array] = {}
    for name, kind in types.items():
        if name not in stored:
            raise DataError(f"`{file}` has no array `{name}`", f"It has: {', '.join(stored)}.")
        array = stored[name]
        if not kind.fits(array.shape[1:]) or not len(array):
            raise DataError(f"`{name}` in `{file}` must be {kind}, and its shape is {list(array.shape)}")
        if kind.vocabulary is not None:
            if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= kind.vocabulary:
                raise DataError(
                    f"`{name}` in `{file}` must hold whole numbers from 0 to {kind.vocabulary - 1}"
                )
            arrays[name] = array.astype(np.int64)
        else:
            arrays[name] = reals(array, name, file)
    if len({len(array) for array in arrays.values()}) > 1:
        raise DataError(f"the inputs in `{file}` have different numbers of examples")
    return arrays


def read_lengths(folder: Path, file: str, reference: Outline) -> dict[str, Array]:
    """The lengths in an ``.npz``, where it has any. Raises ``DataError`` if they are none."""
    stored = read_npz(folder, file)
    lengths: dict[str, Array] = {}
    for symbol, name in reference.lengths.items():
        array = stored.get(f"{name}{LENGTHS}")
        if array is None or name not in stored:
            continue
        steps = stored[name].shape[1 + reference.inputs[name].shape.index(symbol)]
        whole = array.dtype.kind in "iu" and array.shape == (len(stored[name]),)
        if not whole or array.min() < 1 or array.max() > steps:
            raise DataError(
                f"`{name}{LENGTHS}` in `{file}` must hold a whole number from 1 to {steps} for each example"
            )
        lengths[f"{name}{LENGTHS}"] = array.astype(np.int64)
    return lengths


def longest(types: Mapping[str, TensorType], arrays: Mapping[str, Array]) -> int:
    """The length of the longest free axis; 1 without one. Multiply-adds are counted per step of it."""
    return max(
        (
            found
            for name, kind in types.items()
            for size, found in zip(kind.shape, arrays[name].shape[1:], strict=True)
            if isinstance(size, str)
        ),
        default=1,
    )


def input_names(count: int) -> list[str]:
    """What the gradients of so many inputs are called.

    >>> input_names(3)
    ['input', 'input.2', 'input.3']
    """
    return ["input", *(f"input.{place}" for place in range(2, count + 1))][:count]


def read_npz(folder: Path, file: str) -> dict[str, Array]:
    """The arrays of one of the assignment's own ``.npz`` files. Raises ``DataError``."""
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"`{file}` leaves the assignment's folder")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, AttributeError, EOFError) as error:
        raise DataError(f"`{file}` is no `.npz` of arrays ({error})", "`numpy.savez` writes one.") from None


def reals(array: Array, name: str, file: str) -> Array:
    """The array in float64. Raises ``DataError`` unless it holds finite real numbers."""
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise DataError(f"`{name}` in `{file}` must hold finite real numbers")
    return array.astype(np.float64)


def injected_task(
    brief: Brief, subject: Subject, inputs: Inputs, seed: int, passes: int = 1
) -> Task | Blocked:
    """The task of a check that gives both networks the same weights and inputs, or what stands in the way.

    ``passes`` counts how often the work runs the network, forward and back.
    """
    reference, network = brief.required, subject.network
    matching = match(reference, network, brief.comparer)
    if isinstance(matching, Blocked):
        return matching
    names = match_inputs(reference, network)
    if isinstance(names, Blocked):
        return names
    if not names:
        return Blocked("inputs", "there is no input to give values to")
    arrays = inputs.arrays(brief.folder, reference)
    examples = len(next(iter(arrays.values())))
    steps = longest(reference.inputs, arrays)
    return Task(
        {
            "weights": recipe(reference),
            "pieces": [piece.to_json() for piece in matching.pieces(reference)],
            "seed": seed,
            "inputs": list(names.values()),
        },
        {f"input.{names[name]}": arrays[name] for name in reference.inputs}
        | {
            f"lengths.{symbol}": arrays[f"{name}{LENGTHS}"]
            for name, symbol in _symbols(reference, network, names).items()
            if f"{name}{LENGTHS}" in arrays
        },
        operations=examples * passes * steps * network.multiply_adds,
        values=examples * steps * sum(layer.output.size for layer in network.layers),
    )


def _symbols(reference: Outline, network: Outline, names: Mapping[str, str]) -> dict[str, str]:
    """The submission's symbol of the free axis that each input of the reference tells the lengths of."""
    return {
        name: str(network.inputs[names[name]].shape[reference.inputs[name].shape.index(symbol)])
        for symbol, name in reference.lengths.items()
    }


def recipe(reference: Outline) -> list[list[Any]]:
    """How each tensor of the reference is drawn: its key, its shape, the law and its scale."""
    return [
        [f"{layer.name}.{name}", list(shape), *_law(layer, name, shape)]
        for layer in weighted(reference)
        for name, shape in own_state(layer).items()
    ]


def _law(layer: OutlineLayer, name: str, shape: Shape) -> tuple[str, float]:
    """Normal with a spread, or uniform about 1 for what scales or divides, or 0 for a counter."""
    if name == COUNTER:
        return "zero", 0.0
    if len(shape) >= 2:
        fan_in = 1 if layer.type == "Embedding" else max(count(shape[1:]), 1)
        return "normal", 1 / math.sqrt(fan_in)
    return ("positive", 0.5) if name in ("weight", "running_var") else ("normal", 0.5)


def draw(weights: list[list[Any]], seed: int) -> dict[str, Array]:
    """The values of every tensor of a recipe, by the reference's keys, in float64."""
    drawn: dict[str, Array] = {}
    for place, (key, shape, law, scale) in enumerate(weights):
        random = stream(seed, place)
        if law == "zero":
            drawn[key] = np.zeros(shape, np.int64)
        elif law == "positive":
            drawn[key] = random.uniform(1 - scale, 1 + scale, shape)
        else:
            drawn[key] = scale * random.standard_normal(shape)
    return drawn


def injected(task: Task, submission: Submission) -> Network:
    """The submission's network with a task's weights: float64, CPU, `eval` mode. Inside a worker."""
    import torch

    from builder.runtime.network.module import build

    network = build(submission.spec, seed=0).double().eval()
    drawn = draw(task.parameters["weights"], int(task.parameters["seed"]))
    state = assembled(pieces_of(task), drawn, submission.graph.state)
    network.load_state_dict({key: torch.from_numpy(array) for key, array in state.items()})
    return network


def pieces_of(task: Task) -> list[Piece]:
    """How the submission's tensors are made of the reference's."""
    return [Piece.from_json(piece) for piece in task.parameters["pieces"]]

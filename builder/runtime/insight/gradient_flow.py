"""How much of a gradient reaches back through time: the question that recurrent cells are invented to answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from builder.data.info import PARTS
from builder.errors import DataError, RunError
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.data.splits import Part, load_part
from builder.runtime.insight.through_time import (
    Array,
    ThroughTime,
    asked_of_the_end,
    recurrent_layers,
    through_time,
)
from builder.runtime.network.module import Network
from builder.runtime.training.outputs import scored
from builder.shapes import TensorType
from builder.spec.spec import ModelSpec

EXAMPLES: Final = 16
LENGTH: Final = 100  # where nothing says how long


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """What was seen of one layer. ``loss`` says in words what was differentiated.

    ``norms`` are ‖∂loss/∂state_t‖ from the step read first to the one read last: with ``reverse``, back to
    front.
    """

    layer: str
    state: str
    reverse: bool
    loss: str
    norms: Array
    seen: ThroughTime

    def share(self, lag: int) -> float:
        """The norm so many steps before the last one, of the last one's; 0 where that is 0, NaN if it is no number."""
        last = float(self.norms[-1])
        if not math.isfinite(last):
            return math.nan
        return float(self.norms[-1 - lag]) / last if last else 0.0

    @property
    def overflows(self) -> int | None:
        """The first step read, from 1, where a gate or a state is itself infinite or NaN; None if none is."""
        strange = torch.stack([~value.isfinite() for value in self.seen.values.values()]).any(0).any(2).any(0)
        steps = (strange.flip(0) if self.reverse else strange).nonzero()
        return int(steps[0]) + 1 if len(steps) else None


@dataclass(frozen=True)
class Question:
    """A loss to be followed back: running it runs the network. ``words`` say what it is."""

    loss: Callable[[], Tensor]
    words: str


def follow(
    network: Network,
    question: Question,
    layer: str | None = None,
    state: str | None = None,
    *,
    depth: int = -1,
    reverse: bool = False,
) -> GradientFlow:
    """Follows a loss back through every step of a recurrent layer.

    ``layer`` is the last recurrent one unless named, ``state`` its last: an LSTM's c. ``depth`` and
    ``reverse`` choose among its own layers and directions. Raises ``RunError``.
    """
    name = layer or next(reversed(recurrent_layers(network)), "")
    seen = through_time(network, name, question.loss, depth=depth, reverse=reverse)
    chosen = seen.checked(state or seen.cell.states[-1])
    norms = seen.norms(chosen)
    return GradientFlow(name, chosen, reverse, question.words, norms[::-1] if reverse else norms, seen)


def random_question(network: Network, spec: ModelSpec, length: int | None = None, seed: int = 0) -> Question:
    """Σ v·output of seeded sequences of ``length`` steps (100 unless the network's are of one length).

    Reals and v are standard normal, tokens uniform. Where the output has steps, only the last is asked for: all
    that reaches an earlier step came through time. In float64 and ``eval`` mode; the network is left so. Raises
    ``RunError`` if the sequences are of another length.
    """
    types = spec.graph.inputs
    fixed = [type_.shape[0] for type_ in types.values() if len(type_.shape) > 1 and not type_.free]
    if length is not None and any(size != length for size in fixed):
        raise RunError(
            f"the network reads {fixed[0]} steps, not {length}", "A free axis `T` takes any length."
        )
    network.double().eval()
    inputs = drawn(types, length or LENGTH, seed)
    steps = {type_.shape[0] for type_ in types.values()}

    def loss() -> Tensor:
        answers = network(**inputs)
        outputs = answers if isinstance(answers, dict) else dict.fromkeys(spec.graph.outputs, answers)
        kinds = spec.graph.output_types
        asked = [
            asked_of_the_end(output, len(kinds[name].shape) > 1 and kinds[name].shape[0] in steps, seed)
            for name, output in outputs.items()
        ]
        return torch.stack(asked).sum()

    return Question(loss, f"Σ v·output at the end of {EXAMPLES} random sequences")


def own_question(network: Network, spec: ModelSpec, preprocessing: Preprocessing) -> Question:
    """The spec's own loss on a few examples of its own data: the test part's, if it has one.

    In float64 and ``eval`` mode; the network is left so. Raises ``DataError`` if the data is not there, and
    ``RunError`` if the spec has none.
    """
    if spec.data is None or spec.train is None:
        raise RunError("without `data` and `train` there is no loss to follow")
    name, part = _held_out(spec, preprocessing)
    batch = part.take(slice(0, EXAMPLES), part.x)
    x = batch.x.double() if batch.x.is_floating_point() else batch.x
    criterion = spec.train.loss.build(torch.device("cpu"))
    network.double().eval()

    def loss() -> Tensor:
        output = network(x) if batch.lengths is None else network(x, batch.lengths)
        assert isinstance(output, Tensor), "what is trained has one output"
        return criterion(*scored(output.float(), batch, part.per_step))  # losses compute in float32

    where = "at every step" if part.per_step else "at the end"
    words = f"{type(spec.train.loss).__name__} {where} of {len(x)} examples of the {name} part"
    return Question(loss, words)


def drawn(types: Mapping[str, TensorType], length: int, seed: int) -> dict[str, Tensor]:
    """Seeded inputs, float64 or int64, with every free axis ``length`` long."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[str, Tensor] = {}
    for name, type_ in types.items():
        shape = (EXAMPLES, *type_.sized(length))
        if type_.vocabulary is not None:
            made[name] = torch.randint(type_.vocabulary, shape, generator=generator)
        else:
            made[name] = torch.randn(shape, generator=generator, dtype=torch.float64)
    return made


def _held_out(spec: ModelSpec, preprocessing: Preprocessing) -> tuple[str, Part]:
    """The last part that the data has, and its name."""
    assert spec.data is not None
    for name in reversed(PARTS[1:]):
        try:
            return name, load_part(spec.data, spec.folder, name, preprocessing)
        except DataError:  # no such part; a fault of the data itself shows with the last
            continue
    return PARTS[0], load_part(spec.data, spec.folder, PARTS[0], preprocessing)

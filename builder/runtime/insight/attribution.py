"""Why a network decided so of one example: one of its numbers, asked by several methods, as data.

Everything is in the source's units after geometry: the preprocessing's affine step is part of what is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from builder.attributions.attribution import Asked, Attribution, Found, Kind, attributions
from builder.errors import Cause, DataError, RunError, did_you_mean
from builder.runtime.attacks.in_source_units import Sourced
from builder.runtime.data.splits import check_part, load_arrays
from builder.runtime.network.module import Network, examples_at_once
from builder.runtime.runs.run import Run, refuse_gan
from builder.shapes import TensorType
from builder.spec.graph import Graph

Array = NDArray[Any]
CONVOLUTIONS: Final = ("Conv2d", "ConvTranspose2d")


class Example(NamedTuple):
    """One example after geometry, in the source's units, without padding, and what is true of it, if known."""

    x: Array
    y: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Attributed:
    """What one method found.

    ``values`` has the example's shape: C×H×W, T×F or F; Grad-CAM's is H×W, of tokens it is T. ``heat`` has one value
    for each place: an image's H×W, else as ``values``. ``change``, ``delta`` and ``layer`` are as in
    ``builder.attributions.attribution.Found``.
    """

    method: str
    shows: str
    signed: bool
    values: Array
    heat: Array
    change: float | None
    delta: float | None
    layer: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One number of a network's output on one example, and what it rests on.

    ``outputs`` are all the values it gave (of one step, where it gives some at each: ``step`` of ``steps``, from
    1), ``index`` the one that is asked. Where they stand for ``classes``, ``probabilities`` says how likely each is;
    ``truth`` is the true class's number, or the true value. A forecast is in the source's units. ``words`` are the
    tokens by name, where the example is of ``kind`` tokens and their names are known.
    """

    kind: Kind
    x: Array
    outputs: Array
    index: int
    truth: float | None
    classes: tuple[str, ...]
    probabilities: Array | None
    step: int | None
    steps: int | None
    words: tuple[str, ...]
    found: tuple[Attributed, ...]

    @property
    def predicted(self) -> int:
        """The number of the largest output: of the likeliest class."""
        return int(self.outputs.argmax())


def example_of_part(run: Run, part: str, index: int) -> Example:
    """An example of the run's own data, numbered from 0. Raises ``RunError`` if it is not there."""
    _checked(run)
    if run.spec.data is None:
        raise RunError(
            f"The data of the run `{run.folder}` cannot be found.",
            "Put it back where `spec.yaml` looks for it, or give a file.",
        )
    check_part(part)
    arrays = load_arrays(run.spec.data, run.spec.folder, part)
    chosen = _one_of(len(arrays.x), index, f"the part `{part}`")
    end = None if arrays.lengths is None else int(arrays.lengths[chosen])
    x, y = arrays.x[chosen], arrays.y[chosen]
    target = run.spec.data.describe(run.spec.folder).target
    return Example(x[:end], y[:end] if target.steps is not None else y)


def example_of_array(run: Run, x: Array, lengths: Array | None = None, index: int = 0) -> Example:
    """One of some examples as their source gives them (N×…), or the one there is (without N), after geometry.

    Raises ``DataError`` if it does not have the shape that the network needs.
    """
    wanted = _checked(run)
    array = np.ascontiguousarray(x, dtype=np.int64 if wanted.vocabulary else np.float32)
    many = array[None] if array.ndim == len(wanted.shape) else array
    if many.ndim != len(wanted.shape) + 1:
        raise DataError(f"the network needs {wanted}, and examples of {list(array.shape)} are given")
    chosen = _one_of(len(many), index, "the file")
    if not np.isfinite(many[chosen]).all():
        raise DataError(f"example {chosen} holds a value that is no finite number")
    ready = run.preprocessing.apply_geometry(torch.from_numpy(many[chosen : chosen + 1])).numpy()[0]
    if not wanted.fits(ready.shape):
        shapes = f"{list(many.shape)} give {[len(many), *ready.shape]}"
        raise DataError(f"the network needs {wanted}, and examples of {shapes}")
    if wanted.vocabulary is not None and not 0 <= ready.min() <= ready.max() < wanted.vocabulary:
        raise DataError(f"tokens lie from 0 to {wanted.vocabulary - 1}, and some here do not")
    if lengths is None:
        return Example(ready)
    if lengths.shape != (len(many),) or not wanted.free or not 1 <= lengths[chosen] <= len(ready):
        raise DataError(
            f"lengths are one for each of {len(many)} examples of free length, from 1 to {len(ready)}"
        )
    return Example(ready[: int(lengths[chosen])])


def explain_prediction(
    run: Run,
    example: Example,
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    target: str | int | None = None,
    step: int | None = None,
) -> Explanation:
    """Asks a run's network what one of its numbers rests on. Needs captum (``pip install 'gradspec[explain]'``).

    ``methods`` maps their names to their fields, ``{"IntegratedGradients": {"steps": 200}}``; absent: all that fit.
    ``target`` is a class's name or the number of an output: the likeliest class, or output 0, unless given.
    ``step`` (from 1) is asked for where there is an output at each: the last, unless given. Raises ``RunError``.
    """
    wanted = _checked(run)
    if find_spec("captum") is None:
        raise RunError("explaining a prediction needs captum.", "`pip install 'gradspec[explain]'`.")
    question = _Question(run, wanted, torch.from_numpy(example.x)[None], step)
    outputs = question.outputs.numpy()
    index = _index(question.classes, len(outputs), target, int(outputs.argmax()))
    asked = question.asked(index)
    attributed = tuple(
        _attributed(method, method.attribute(asked), asked) for method in _methods(methods, asked)
    )
    truth = example.y
    if truth is not None and question.step is not None and truth.ndim:
        truth = truth[question.step - 1]
    return Explanation(
        kind=asked.kind,
        x=example.x,
        outputs=outputs,
        index=index,
        truth=_true(truth, bool(question.classes), index),
        classes=question.classes,
        probabilities=question.probabilities,
        step=question.step,
        steps=question.steps,
        words=_words(run, wanted, example.x),
        found=attributed,
    )


class _Question:
    """A network on one example: everything but which of its outputs is asked."""

    def __init__(self, run: Run, wanted: TensorType, x: Tensor, step: int | None) -> None:
        self.network, self.graph, self.fitted = run.module, run.spec.graph, run.preprocessing
        self.sourced = Sourced(run.module, run.preprocessing, (-math.inf, math.inf))
        self.x, self.wanted = x, wanted
        with torch.no_grad():
            output = self._output(x)
        ((name, kind),) = self.graph.output_types.items()
        each = output.dim() == 3 and len(wanted.shape) < 3 and output.shape[1] == x.shape[1]
        if not each and output.dim() > 2:
            raise RunError(
                f"the output is {kind}, and only one value of a vector can be explained, or of one at each step",
                "End the network with `Flatten` and `Linear`, or look at its layers by hand.",
            )
        self.steps = output.shape[1] if each else None
        self.step = _step(step, self.steps)
        self.one = output.dim() == 1 or output.shape[-1] == 1  # a single logit, of the second of two classes
        self.classes = _class_names(run, 2 if self.one else output.shape[-1])
        self.outputs = self._scores(x)[0].detach()
        self.probabilities: Array | None = None
        if self.classes:
            by_name = self.graph.by_name.get(self.graph.outputs[name])
            self.probabilities = self._odds(by_name.type if by_name else "").numpy()

    def asked(self, index: int) -> Asked:
        """The question after one output. Tokens are asked at their embedding."""
        if self.wanted.vocabulary is not None:
            return self._asked_at_embedding(index)
        kinds: dict[int, Kind] = {1: "table", 2: "sequence", 3: "image"}
        kind = kinds[len(self.wanted.shape)]
        maps = _maps(self.network, self.graph) if kind == "image" else {}
        wide = {name: self.graph.by_name[name].output_type.shape[1:] for name in maps}
        convolutions = [
            name for name in maps if self.graph.by_name[name].type in CONVOLUTIONS and wide[name] != (1, 1)
        ]
        return Asked(
            number=lambda x: self._scores(x)[:, index],
            x=self.x,
            baseline=torch.zeros_like(self.x)
            if kind == "image"
            else self.sourced.in_source_units(torch.zeros_like(self.x)),
            kind=kind,
            maps=maps,
            convolution=convolutions[-1] if convolutions else None,
            at_once=examples_at_once(self.network),
        )

    def _asked_at_embedding(self, index: int) -> Asked:
        (given,) = self.graph.inputs
        readers = [use for use in self.graph.layers if given in use.inputs]
        if len(readers) != 1 or len(readers[0].output_type.shape) != 2 or readers[0].shared_with:
            raise RunError(
                "tokens are explained at the one layer that embeds them, and this network has another beginning"
            )
        layer = self.network.get_submodule(readers[0].name)
        with torch.no_grad():
            embedded = layer(self.x)

        def number(values: Tensor) -> Tensor:
            with _instead(layer, values):
                return self._scores(self.x.expand(len(values), -1))[:, index]

        return Asked(
            number, embedded, torch.zeros_like(embedded), "tokens", at_once=examples_at_once(self.network)
        )

    def _output(self, x: Tensor) -> Tensor:
        return self.fitted.in_units(self.sourced(x))

    def _scores(self, x: Tensor) -> Tensor:
        """N×…, to N×outputs at the step that is asked; of a single logit both classes', −z and z."""
        output = self._output(x)
        if self.step is not None:
            output = output[:, self.step - 1]
        output = output.reshape(len(x), -1)
        return torch.cat([-output, output], dim=1) if self.one and self.classes else output

    def _odds(self, last: str) -> Tensor:
        """How likely each class is, for the type of the last layer."""
        if last == "Softmax":
            return self.outputs
        return self.outputs.sigmoid() if self.one else self.outputs.softmax(0)


def _checked(run: Run) -> TensorType:
    """What the network reads, if it is one whose decisions can be explained. Raises ``RunError``."""
    refuse_gan(run, "`gradspec sample` shows what it makes.")
    graph = run.spec.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise RunError(
            f"the network has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, "
            "and networks with one of each can be explained"
        )
    (wanted,) = graph.inputs.values()
    axes = len(wanted.shape)
    if (wanted.vocabulary is not None and axes != 1) or not 1 <= axes <= 3:
        raise RunError(f"the input is {wanted}, and tables, images, sequences and tokens can be explained")
    return wanted


def _methods(chosen: Mapping[str, Mapping[str, Any]] | None, asked: Asked) -> Iterator[Attribution]:
    """Those that were chosen, or all that can be asked. Raises ``RunError``."""
    for name, fields in (chosen or {name: {} for name in attributions}).items():
        try:
            method = attributions.get(name).model_validate(dict(fields))
            method.check(asked)
        except Cause as cause:
            if chosen:
                raise RunError(cause.problem, cause.hint) from None
            continue
        except ValidationError as error:
            raise RunError(f"`{name}`: {error.errors()[0]['msg']}") from None
        yield method


def _attributed(method: Attribution, found: Found, asked: Asked) -> Attributed:
    values = found.values.detach()
    axis = {"image": 0, "tokens": 1}.get(asked.kind)
    heat = values
    if axis is not None and values.dim() == asked.x.dim() - 1:
        heat = values.amax(axis) if method.over == "max" else getattr(values, method.over)(axis)
    return Attributed(
        method=type(method).__name__,
        shows=method.shows,
        signed=method.signed,
        values=(heat if asked.kind == "tokens" else values).numpy(),
        heat=heat.numpy(),
        change=found.change,
        delta=found.delta,
        layer=found.layer,
    )


def _index(classes: Sequence[str], count: int, target: str | int | None, likeliest: int) -> int:
    """The number of the output that is asked: a class by its name first, then by its number."""
    if target is None:
        return likeliest if classes else 0
    if str(target) in classes:
        return list(classes).index(str(target))
    text = str(target)
    if text.isdecimal() and int(text) < count:
        return int(text)
    what = "class" if classes else "output"
    if not text.isdecimal() and classes:
        raise RunError(f"there is no class `{text}`", did_you_mean(text, classes))
    raise RunError(f"there is no {what} {text}: there are {count}, numbered from 0")


def _step(step: int | None, steps: int | None) -> int | None:
    if steps is None:
        if step is not None:
            raise RunError("the network has no output at each step, so there is no step to choose")
        return None
    if step is not None and not 1 <= step <= steps:
        raise RunError(f"there is no step {step}: the example has {steps}, numbered from 1")
    return step or steps


def _one_of(count: int, index: int, where: str) -> int:
    if not 0 <= index < count:
        raise DataError(f"{where} has {count} examples, numbered from 0, and there is no {index}")
    return index


def _class_names(run: Run, count: int) -> tuple[str, ...]:
    """The names of the classes that an output of ``count`` values stands for; None where it is reals."""
    names = run.preprocessing.classes
    if not names and run.spec.data is not None:
        target = run.spec.data.describe(run.spec.folder).target
        names = tuple(map(str, range(target.classes or 0)))
    return names if len(names) == count else ()


def _words(run: Run, wanted: TensorType, x: Array) -> tuple[str, ...]:
    known = run.preprocessing.vocabulary
    return tuple(known[token] for token in x) if wanted.vocabulary == len(known) else ()


def _true(y: Array | None, is_class: bool, index: int) -> float | None:
    """The true class, or what is true of the output that is asked."""
    if y is None:
        return None
    flat = np.ravel(y)
    chosen = flat[0] if is_class or len(flat) == 1 else flat[index]
    return int(chosen) if is_class else float(chosen)


def _maps(network: Network, graph: Graph) -> dict[str, nn.Module]:
    """The layers whose output is C×H×W and that run once, by name, in order."""
    again = {use.shared_with for use in graph.layers if use.shared_with}
    return {
        use.name: network.get_submodule(use.name)
        for use in graph.layers
        if len(use.output_type.shape) == 3 and not use.shared_with and use.name not in again
    }


@contextmanager
def _instead(layer: nn.Module, values: Tensor) -> Iterator[None]:
    """Inside, ``layer`` gives ``values``, whatever it reads."""
    handle = layer.register_forward_hook(_giving(values))
    try:
        yield
    finally:
        handle.remove()


def _giving(values: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    return lambda module, given, output: values

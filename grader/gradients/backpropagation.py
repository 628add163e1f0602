"""Gradients inside a worker: of Σ v·output with injected weights, or of a loss with given ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from builder.errors import Cause, DataError, Report, WeightsError
from builder.files.weights import read_header
from builder.language.source import read_text
from builder.reader import Reader
from builder.training.losses.loss import Loss, losses
from grader.check import Brief, Subject
from grader.comparing.injection import (
    DIRECTION_STREAM,
    ENTRY_STREAM,
    injected,
    input_names,
    pieces_of,
    read_inputs,
    read_npz,
    reals,
    stream,
)
from grader.comparing.padding import Padding
from grader.comparing.translation import pulled_back
from grader.exchange import Array, Findings, Task
from grader.outline import Outline

if TYPE_CHECKING:
    from torch import Tensor

    from builder.runtime.network.module import Network
    from grader.gradients.given_files import Given
    from grader.submission.submission import Submission

STEPS: Final = (1e-6, 1e-5, 1e-7)  # a kink of ReLU may lie within one of them, hardly within all
NUMERICAL_TOLERANCE: Final = 1e-4
MOST_SLIPS: Final = 8
SMOOTH: Final = frozenset({
    "CELU", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "ReLU",
    "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh", "Tanhshrink",
})  # fmt: skip


def by_autograd(task: Task, submission: Submission, numerical: int) -> Findings:
    """The gradients of Σ v·output of every parameter (under the reference's name) and of every input.

    Raises ``AssertionError`` where autograd and centred differences disagree: that is our fault.
    """
    network = injected(task, submission)
    seed = int(task.parameters["seed"])
    names = [str(name) for name in task.parameters["inputs"]]  # the submission's, in the reference's order
    inputs = _inputs(task, names)
    padding = Padding(task, submission.graph)
    kinds = submission.graph.output_types.values()

    def value() -> Tensor:
        outputs = _outputs(network, names, inputs, padding)
        return sum(  # type: ignore[return-value]
            padding.cleared(_direction(seed, place, output) * output, kind).sum()
            for place, (output, kind) in enumerate(zip(outputs, kinds, strict=True))
        )

    value().backward()  # type: ignore[no-untyped-call]
    theirs = {name: _gradient(weight) for name, weight in network.named_parameters()}
    shapes = {key: tuple(shape) for key, shape, *_ in task.parameters["weights"]}
    arrays = pulled_back(pieces_of(task), theirs, shapes)
    if numerical:
        _hold_against_differences(network, value, numerical, seed)
    return Findings(arrays=arrays | _of_inputs(inputs))


def _hold_against_differences(network: Network, value: Callable[[], Tensor], entries: int, seed: int) -> None:
    import torch

    for place, (name, weight) in enumerate(network.named_parameters()):
        if weight.grad is None:
            continue
        flat, gradient = weight.detach().view(-1), weight.grad.view(-1)
        scale = float(gradient.abs().max())
        random = stream(seed, ENTRY_STREAM + place)
        for entry in random.choice(len(flat), min(entries, len(flat)), replace=False):
            whole, difference = flat[entry].item(), math.nan
            for step in STEPS:
                with torch.no_grad():
                    flat[entry] = whole + step
                    above = value().item()
                    flat[entry] = whole - step
                    below = value().item()
                    flat[entry] = whole
                difference = abs((above - below) / (2 * step) - gradient[entry].item())
                noise = 1e-13 * max(abs(above), abs(below)) / step
                if difference <= NUMERICAL_TOLERANCE * scale + noise:
                    break
            else:
                raise AssertionError(
                    f"autograd and centred differences disagree by {difference:.2g} at `{name}`[{entry}]"
                )


def given_task(brief: Brief, subject: Subject, given: Given, loss: Loss | None) -> Task:
    """What the reference's worker needs for a loss's gradients. Raises ``RunError`` if files do not fit."""
    outline, folder = subject.network, brief.folder
    arrays = {f"input.{k}": a for k, a in read_inputs(folder, given.input, outline.inputs).items()}
    targets = read_npz(folder, given.target)
    target = targets.get("target", next(iter(targets.values())) if len(targets) == 1 else None)
    if target is None:
        raise DataError(f"`{given.target}` has no array `target`", f"It has: {', '.join(targets)}.")
    if len(outline.outputs) > 1:
        raise DataError("a loss is of one output, and the reference has several")
    if not arrays:
        raise DataError("a gradient needs an input, and the reference has none")
    examples = len(next(iter(arrays.values())))
    if target.ndim == 0 or len(target) != examples:
        raise DataError(f"`target` in `{given.target}` must be for {examples} examples")
    whole = target.dtype.kind in "iu"
    arrays["target"] = target.astype(np.int64) if whole else reals(target, "target", given.target)
    arrays |= {f"weight.{name}": array for name, array in _weights(brief, given.weights, outline).items()}
    chosen = loss or brief.loss
    if chosen is None:
        raise DataError("there is no loss to differentiate", "Write `loss` at the check, or `train` above.")
    return Task({"loss": {type(chosen).__name__: chosen.plain()}}, arrays)


def _weights(brief: Brief, file: str, outline: Outline) -> dict[str, Array]:
    from safetensors.numpy import load_file

    path = (brief.folder / file).resolve()
    if not path.is_relative_to(brief.folder.resolve()):
        raise DataError(f"`{file}` leaves the assignment's folder")
    read_header(path)
    arrays = load_file(path)
    learned = {f"{u.name}.{name}" for u in outline.layers for name in u.parameters}
    for name, shape in outline.state.items():
        if name in learned and name not in arrays:
            raise WeightsError(f"`{file}` has no `{name}`, which the reference has.")
        if name in arrays and arrays[name].shape != shape:
            found = list(arrays[name].shape)
            raise WeightsError(f"`{file}`: `{name}`: expected {list(shape)}, found {found}.")
    return {name: arrays[name] for name in outline.state if name in arrays}


def of_the_loss(task: Task, submission: Submission) -> Findings:
    """The gradients of a loss, and what they would be after the commonest slips (``slip:what:name``)."""
    network = loaded(submission, {k[7:]: a for k, a in task.arrays.items() if k.startswith("weight.")})
    names = list(submission.graph.inputs)
    inputs = _inputs(task, names)
    criterion = loss_of(task.parameters["loss"])
    target = _tensor(task.arrays["target"])

    def gradients() -> dict[str, Array]:
        network.zero_grad()
        for tensor in inputs:
            tensor.grad = None
        (output,) = _outputs(network, names, inputs)
        criterion(output, target).backward()  # type: ignore[no-untyped-call]
        return {name: _gradient(weight) for name, weight in network.named_parameters()} | _of_inputs(inputs)

    arrays = gradients()
    smooth = [u.name for u in submission.graph.layers if u.type in SMOOTH and u.shared_with is None]
    for layer in smooth[:MOST_SLIPS]:
        handle = network.get_submodule(layer).register_forward_hook(_straight_through)
        arrays |= {f"slip:{layer}:{name}": array for name, array in gradients().items()}
        handle.remove()
    return Findings({"examples": len(inputs[0])}, arrays)


def loaded(submission: Submission, weights: dict[str, Array], seed: int = 0) -> Network:
    """The submission's network with these weights in place of its first ones: float64, CPU, `eval` mode."""
    from builder.runtime.network.module import build

    network = build(submission.spec, seed).double().eval()
    state = network.state_dict()
    given = {name: _tensor(array).to(state[name].dtype) for name, array in weights.items()}
    network.load_state_dict(state | given)
    return network


def loss_of(data: dict[str, Any]) -> Callable[[Tensor, Tensor], Tensor]:
    """The criterion that a task names, as ``{Name: {…}}``; in float64."""
    import json

    import torch

    report = Report()
    loss = Reader(report, {}).choice(losses, read_text(json.dumps(data)).root)
    if loss is None:
        raise Cause("; ".join(error.problem for error in report.errors))
    criterion = loss.build()
    if isinstance(criterion, torch.nn.Module):
        criterion.double()
    return criterion


def _straight_through(module: object, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """The same value, with the derivative 1: what a forgotten activation's derivative comes to."""
    (x,) = given
    return x + (output - x).detach()


def _inputs(task: Task, names: list[str]) -> list[Tensor]:
    tensors = [_tensor(task.arrays[f"input.{name}"]) for name in names]
    for tensor in tensors:
        tensor.requires_grad_(tensor.is_floating_point())
    return tensors


def _tensor(array: Array) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array, np.float64 if array.dtype.kind == "f" else np.int64))


def _outputs(
    network: Network, names: list[str], inputs: list[Tensor], padding: Padding | None = None
) -> list[Tensor]:
    lengths = {} if padding is None else padding.given
    given = network(**dict(zip(names, inputs, strict=True)), **lengths)
    return list(given.values()) if isinstance(given, dict) else [given]


def _direction(seed: int, place: int, output: Tensor) -> Tensor:
    return _tensor(stream(seed, DIRECTION_STREAM + place).standard_normal(tuple(output.shape)))


def _gradient(tensor: Tensor) -> Array:
    """The gradient of a tensor; one that is absent is zero."""
    if tensor.grad is None:
        return np.zeros(tuple(tensor.shape))
    return tensor.grad.numpy().copy()


def _of_inputs(inputs: list[Tensor]) -> dict[str, Array]:
    """The gradients of the real inputs: `input`, or `input.2` for the second."""
    names = input_names(len(inputs))
    return {name: _gradient(x) for name, x in zip(names, inputs, strict=True) if x.is_floating_point()}

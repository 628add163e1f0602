"""What a submitted network says of unlabelled examples: asked outside, worked out inside a worker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from builder.errors import Cause, DataError
from builder.shapes import Size, TensorType, count
from builder.training.metrics.metric import Metric
from grader.comparing.injection import longest
from grader.exchange import Array, Examples, Task
from grader.outcome import Failed, Refusal
from grader.outline import Outline, OutlineLayer
from grader.submission.submission import Submission

if TYPE_CHECKING:
    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.network.module import Network

BATCH_VALUES: Final = 1 << 19  # two megabytes: fresh memory costs more than the sums


def prediction_task(network: Outline, examples: Examples, prefix: str = "") -> Task:
    """What a worker needs to predict ``examples``, its arrays named ``<prefix>inputs`` and ``<prefix>lengths``."""
    number = len(examples.inputs)
    steps = longest(network.inputs, dict.fromkeys(network.inputs, examples.inputs))
    each = held(network, steps)
    batch = max(1, min(number, BATCH_VALUES // max(each, 1)))
    given = count(examples.inputs.shape[1:]) + count(output_of(network).sized(steps))
    arrays = {f"{prefix}inputs": examples.inputs}
    if examples.lengths is not None:
        arrays[f"{prefix}lengths"] = examples.lengths
    return Task(
        said_of(examples) | {f"{prefix}batch": batch},
        arrays,
        operations=number * steps * network.multiply_adds,
        values=number * given + batch * each,
    )


def said_of(examples: Examples) -> dict[str, Any]:
    """What a worker must know of the data to bring it to a network."""
    return {
        "affine": list(examples.affine),
        "preprocessing": examples.preprocessing,
        "forecast": examples.target.forecast,
        "per_step": examples.per_step,
    }


def predicted(task: Task, submission: Submission, prefix: str = "") -> Array:
    """One row of the submitted network's output for each target, in the units of the source.

    Raises ``Refusal`` for preprocessing that does not fit the data.
    """
    import torch

    from builder.runtime.data.splits import Part
    from builder.runtime.training.outputs import scored

    preprocessing = preprocessing_of(task, submission, task.arrays[f"{prefix}inputs"].shape)
    network = loaded(submission)
    inputs = torch.from_numpy(task.arrays[f"{prefix}inputs"])
    lengths = task.arrays.get(f"{prefix}lengths")
    per_step = bool(task.parameters["per_step"])
    # Labels are not known here, and not looked at.
    part = Part(inputs, inputs, None if lengths is None else torch.from_numpy(lengths), per_step)
    outputs = []
    with torch.inference_mode():
        for batch in part.batches(int(task.parameters[f"{prefix}batch"])):
            given = () if batch.lengths is None else (batch.lengths,)
            output = network(preprocessing.apply_affine(batch.x), *given)
            outputs.append(scored(output, batch, per_step)[0])
        rows: Array = preprocessing.in_units(torch.cat(outputs)).numpy()
    return rows


def loaded(submission: Submission) -> Network:
    """The submitted network with its submitted weights, in ``eval`` mode."""
    import torch

    from builder.runtime.network.module import build

    network = build(submission.spec)
    network.load_state_dict({name: torch.from_numpy(a) for name, a in submission.weights.items()})
    return network.eval()


def misfit(network: Outline, examples: Examples, metric: Metric | None = None) -> Failed | None:
    """In what the network's input and output do not fit the data and the metric, or None."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        return Failed("one input and one output", f"{len(network.inputs)} and {len(network.outputs)}")
    (arrives,) = network.inputs.values()
    if not arrives.takes(examples.kind):
        return Failed(f"an input of {examples.kind}, as the assignment's data gives", f"{arrives}")
    output, each, axes = output_of(network), "", ["N"]
    shape, values = output.shape, examples.labels.shape[1:]
    if examples.per_step:
        each, axes = " at each step", ["N", f"{arrives.shape[0]}"]
        if shape[:1] != arrives.shape[:1] or len(shape) < 2:
            return Failed(f"an output of {'×'.join(axes)}×…, one{each}", f"{output}")
        shape, values = shape[1:], values[1:]
    if examples.target.classes is not None:
        if not _one_per_class(shape, examples.target.classes):
            return Failed(f"an output of one value per class{each}", f"{output}")
    elif shape != (values or (1,)):
        return Failed(f"an output of {'×'.join([*axes, *map(str, values or (1,))])}", f"{output}")
    if metric is not None:
        try:
            metric.check(TensorType(shape), examples.target)
        except Cause as cause:
            return Failed(f"an output for {examples.target}", cause.problem, cause.hint)
    return None


def output_of(network: Outline) -> TensorType:
    """What the one output is."""
    (name,) = network.outputs.values()
    layer = network.layer(name)
    return next(iter(network.inputs.values())) if layer is None else layer.output


def held(network: Outline, steps: int) -> int:
    """How many values all layers hold of one example."""
    return sum(_held(layer, steps) for layer in network.layers)


def _held(layer: OutlineLayer, steps: int) -> int:
    """How many values a layer holds of one example: a recurrent one those of all steps, whatever it gives."""
    given = layer.output.sized(steps)
    time = layer.arrives[0].sized(steps)[:1] if layer.states and len(given) == 1 else ()
    return count((*time, *given))


def _one_per_class(shape: tuple[Size, ...], classes: int) -> bool:
    """Whether an output of ``shape`` says how likely each class is; of two, one value may say it."""
    match shape:
        case (int(values),):
            return values >= classes or values == 1 == classes - 1
        case _:
            return False


def preprocessing_of(task: Task, submission: Submission, shape: tuple[int, ...]) -> Preprocessing:
    """What the assignment's data comes to; scaled as the weights say, where that was learned with them.

    ``shape`` is that of the examples, N first. Raises ``Refusal`` for weights that do not say it, that say it
    of another number of channels, and for those of other tokens.
    """
    preprocessing = _preprocessing(task, submission)
    allowed = (1, *(shape[2:] if len(shape) == 3 else shape[1:2]))
    if len(preprocessing.scale) not in allowed:
        counts = " or ".join(str(count) for count in dict.fromkeys(allowed))
        raise Refusal(
            f"preprocessing beside the weights with {counts} values of scale, as the data has channels",
            str(len(preprocessing.scale)),
        )
    return preprocessing


def _preprocessing(task: Task, submission: Submission) -> Preprocessing:
    """What the assignment's data comes to; scaled as the weights say, where that was learned with them.

    Raises ``Refusal`` for weights that do not say it, and for those of other tokens.
    """
    from builder.runtime.data.preprocessing import Preprocessing

    forecast, given = bool(task.parameters["forecast"]), task.parameters["preprocessing"]
    if given is None:
        try:
            learned = Preprocessing.from_json(_carried(task, submission))
        except DataError as error:
            raise Refusal("the preprocessing that `train` writes beside the weights", error.problem) from None
        return replace(learned, forecast=forecast)
    wanted = Preprocessing.from_json(str(given))
    carried = submission.preprocessing if wanted.vocabulary else None
    try:
        learned = wanted if carried is None else Preprocessing.from_json(carried)
    except DataError:  # it is not used, so nothing else in it counts
        return wanted
    for what, ours, theirs in (
        ("tokens", wanted.vocabulary, learned.vocabulary),
        ("classes", wanted.classes, learned.classes),
    ):
        if theirs and theirs != ours:
            raise Refusal(
                f"weights trained on the {len(ours):,} {what} of the assignment's data, numbered as they are",
                f"weights trained on {len(theirs):,} {what}, others or in another order",
                "The training part of the data says which number is which; train on the assignment's.",
            )
    return wanted


def _carried(task: Task, submission: Submission) -> str:
    wanted = task.parameters["affine"]
    carried = submission.preprocessing
    if carried is None:
        raise Refusal(
            f"weights that carry what {' and '.join(f'`{name}`' for name in wanted)} learned",
            "weights without it",
            "Hand in the `weights.safetensors` that `gradspec train` wrote.",
        )
    return carried

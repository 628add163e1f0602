"""accuracy: a metric on examples the student has not seen; credit grows in a straight line.

Credit is (value − zero)/(full − zero), held in [0, 1]. The 95 % interval of a share is Wilson's:
E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Choice, Rejected
from builder.errors import Cause, DataError
from builder.fields import Count, Real
from builder.shapes import Size, TensorType, count
from builder.training.metric import Metric, metrics
from builder.training.metrics import classification as known
from grader.check import Check, Examples, Findings, Question, Role, Subject, Task
from grader.injection import longest
from grader.outcome import Failed, Outcome, Passed, Refusal
from grader.outline import Outline, OutlineLayer
from grader.submission import Submission

if TYPE_CHECKING:
    from builder.runtime.data import Preprocessing

BATCH_VALUES: Final = 1 << 19  # two megabytes: fresh memory costs more than the sums
_SHARES: Final = (known.accuracy, known.top_5_accuracy)
_NORMAL_95: Final = 1.959964


@final
class accuracy(Check):
    """A metric of the submitted network on examples the student has not seen.

    At ``zero`` or worse there is no credit, at ``full`` or better all of it, and a straight line between;
    either may be the larger, as the metric wants. The weights are the ``submitted`` ones. The assignment's
    `data` and `preprocess` are used, never the submission's; what `Standardize` learned comes with the
    weights. Outputs that are no finite numbers get no credit.

    A network that says something at each step of a sequence is judged on all real steps, padding left out; its
    vocabulary must be the data's. A forecast is judged in the units of its source.
    """

    accepts: ClassVar[tuple[Accepted, ...]] = (
        Accepted("{zero: 0.8, full: 0.97}"),
        Accepted("{metric: f1, weights: submitted, zero: 0.5, full: 0.9}"),
        Accepted("{metric: rmse, zero: 2.0, full: 0.5}"),
    )
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("{zero: 0.9, full: 0.9}", "`zero` and `full` are both 0.9"),
        Rejected("{zero: 0.97, full: 0.8}", "`accuracy` is better when higher, and `full` is below `zero`"),
        Rejected("{zero: 0.8}", "`accuracy` needs `full`"),
        Rejected(
            "{zero: 0.8, full: 0.9, weights: trained_here}", "`weights: trained_here` is not available yet"
        ),
    )

    metric: Annotated[Metric, Choice(metrics)] = known.accuracy()
    weights: Literal["submitted", "trained_here"] = "submitted"
    seeds: Count | None = None
    zero: Real
    full: Real

    @model_validator(mode="after")
    def _possible(self) -> Self:
        name = type(self.metric).__name__
        if self.weights == "trained_here":
            raise Cause("`weights: trained_here` is not available yet", "Use `submitted`.", field="weights")
        if self.seeds is not None:
            raise Cause("`seeds` is for `weights: trained_here`, which is not available yet", field="seeds")
        if self.zero == self.full:
            raise Cause(f"`zero` and `full` are both {self.zero:g}", field="full")
        if (self.full > self.zero) != (self.metric.better == "higher"):
            side = "below" if self.full < self.zero else "above"
            raise Cause(
                f"`{name}` is better when {self.metric.better}, and `full` is {side} `zero`",
                "Swap the two.",
                field="full",
            )
        return self

    @property
    def reads(self) -> tuple[Role, ...]:
        return ("model", "weights")

    @property
    def needs_reference(self) -> bool:
        return False

    @property
    def needs_examples(self) -> bool:
        return True

    def prepare(self, question: Question, subject: Subject) -> Task | Outcome | None:
        examples, network = question.examples, subject.network
        assert examples is not None, "the runner loads what `needs_examples` asks for"
        misfit = self._misfit(network, examples)
        if misfit is not None or subject.is_reference:
            return misfit
        number = len(examples.inputs)
        steps = longest(network.inputs, dict.fromkeys(network.inputs, examples.inputs))
        each = sum(_held(layer, steps) for layer in network.layers)
        batch = max(1, min(number, BATCH_VALUES // max(each, 1)))
        given = count(examples.inputs.shape[1:]) + count(_output(network).sized(steps))
        return Task(
            {
                "batch": batch,
                "affine": list(examples.affine),
                "preprocessing": examples.preprocessing,
                "forecast": examples.target.forecast,
                "per_step": examples.per_step,
            },
            {"inputs": examples.inputs} | ({} if examples.lengths is None else {"lengths": examples.lengths}),
            operations=number * steps * network.multiply_adds,
            values=number * given + batch * each,
        )

    def _misfit(self, network: Outline, examples: Examples) -> Failed | None:
        """In what the network's input and output do not fit the data, or none."""
        if len(network.inputs) != 1 or len(network.outputs) != 1:
            return Failed("one input and one output", f"{len(network.inputs)} and {len(network.outputs)}")
        (arrives,) = network.inputs.values()
        if not arrives.takes(examples.kind):
            return Failed(f"an input of {examples.kind}, as the assignment's data gives", f"{arrives}")
        output, each, axes = _output(network), "", ["N"]
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
        try:
            self.metric.check(TensorType(shape), examples.target)
        except Cause as cause:
            return Failed(f"an output for {examples.target}", cause.problem, cause.hint)
        return None

    def without_answers(self) -> Self:
        low, high = (0.0, 1.0) if self.metric.better == "higher" else (1.0, 0.0)
        return self.model_copy(update={"zero": low, "full": high})

    def work(self, task: Task, submission: Submission) -> Findings:
        import torch

        from builder.runtime.data import Part
        from builder.runtime.measure import scored
        from builder.runtime.module import build

        preprocessing = _preprocessing(task, submission)
        shape = task.arrays["inputs"].shape
        allowed = (1, *(shape[2:] if len(shape) == 3 else shape[1:2]))
        if len(preprocessing.scale) not in allowed:
            counts = " or ".join(str(count) for count in dict.fromkeys(allowed))
            raise Refusal(
                f"preprocessing beside the weights with {counts} values of scale, as the data has channels",
                str(len(preprocessing.scale)),
            )
        network = build(submission.spec)
        network.load_state_dict({name: torch.from_numpy(a) for name, a in submission.weights.items()})
        network.eval()
        inputs = torch.from_numpy(task.arrays["inputs"])
        lengths = torch.from_numpy(task.arrays["lengths"]) if "lengths" in task.arrays else None
        per_step = bool(task.parameters["per_step"])
        part = Part(inputs, inputs, lengths, per_step)  # labels are not known here, and not looked at
        outputs = []
        with torch.inference_mode():
            for batch in part.batches(task.parameters["batch"]):
                given = () if batch.lengths is None else (batch.lengths,)
                output = network(preprocessing.apply_affine(batch.x), *given)
                outputs.append(scored(output, batch, per_step)[0])
            rows = preprocessing.in_units(torch.cat(outputs))
        return Findings(arrays={"outputs": rows.numpy()})

    def judge(self, question: Question, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        examples = question.examples
        assert examples is not None, "they were there in `prepare`"
        outputs, targets = found.arrays["outputs"], examples.targets
        assert len(outputs) == len(targets), "one output for each target"
        wrong = int((~np.isfinite(outputs.reshape(len(outputs), -1))).any(axis=1).sum())
        if wrong:
            return Failed(
                "outputs that are finite numbers",
                f"not-a-number or infinity for {wrong:,} of {len(outputs):,} {_named(examples)}",
                "The training may have diverged: look at its loss, and lower the learning rate.",
                direction="outputs that are no finite numbers",
            )
        value = self.metric.of(outputs, targets)
        credit = (value - self.zero) / (self.full - self.zero)
        told = self._told(value, len(targets), _named(examples))
        if credit >= 1:
            return Passed(told)
        higher = self.metric.better == "higher"
        return Failed(
            f"{type(self.metric).__name__} of at {'least' if higher else 'most'} {self.full:g}",
            told,
            fraction=max(credit, 0.0) if math.isfinite(credit) else 0.0,
            direction=f"{type(self.metric).__name__} is too {'low' if higher else 'high'}",
        )

    def _told(self, value: float, targets: int, named: str) -> str:
        """The receipt: the figure, what it is of, and its 95 % interval where it is a share."""
        if not isinstance(self.metric, _SHARES):
            return f"{value:.4g} on {targets:,} {named}"
        right = round(value * targets)
        low, high = wilson(right, targets)
        crossed = [f"`{name}`" for name in ("zero", "full") if low < getattr(self, name) < high]
        luck = f"; luck alone may cross {' and '.join(crossed)}" if crossed else ""
        of = f"{targets:,}" if named == "examples" else f"{targets:,} {named}"
        return f"{right:,} of {of} = {value:.4g} (95 % interval {low:.3f} to {high:.3f}{luck})"


def _named(examples: Examples) -> str:
    """What the targets are counted in."""
    return "steps" if examples.per_step else "examples"


def _output(network: Outline) -> TensorType:
    """What the one output is."""
    (name,) = network.outputs.values()
    layer = network.layer(name)
    return next(iter(network.inputs.values())) if layer is None else layer.output


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


def _preprocessing(task: Task, submission: Submission) -> Preprocessing:
    """What the assignment's data comes to; scaled as the weights say, where that was learned with them.

    Raises ``Refusal`` for weights that do not say it, and for those of other tokens.
    """
    from builder.runtime.data import Preprocessing

    forecast, given = bool(task.parameters["forecast"]), task.parameters["preprocessing"]
    if given is None:
        try:
            found = Preprocessing.from_json(_carried(task, submission))
        except DataError as error:
            raise Refusal("the preprocessing that `train` writes beside the weights", error.problem) from None
        return replace(found, forecast=forecast)
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


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, Wilson's score interval.

    >>> [round(bound, 3) for bound in wilson(934, 1000)]
    [0.917, 0.948]
    """
    share, z2 = right / total, _NORMAL_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _NORMAL_95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)

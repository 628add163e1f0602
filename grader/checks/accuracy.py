"""accuracy: a metric on examples the student has not seen; credit grows in a straight line.

Credit is (value − zero)/(full − zero), held in [0, 1]. The 95 % interval of a share is Wilson's:
E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Choice, Rejected
from builder.errors import Cause, DataError
from builder.fields import Count, Real
from builder.training.metric import Metric, metrics
from builder.training.metrics import classification as known
from grader.check import Check, Examples, Findings, Question, Role, Subject, Task
from grader.injection import longest
from grader.outcome import Failed, Outcome, Passed, Refusal
from grader.submission import Submission

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
        outputs = network.outputs
        wanted: tuple[int, ...] = examples.inputs.shape[1:]
        if len(network.inputs) != 1 or len(outputs) != 1:
            return Failed("one input and one output", f"{len(network.inputs)} and {len(outputs)}")
        (arrives,) = network.inputs.values()
        if not arrives.fits(wanted) or arrives.vocabulary is not None:
            axes = "×".join(["N", *map(str, wanted)])
            return Failed(f"an input of {axes}, as the assignment's data gives", f"{arrives}")
        layer = network.layer(next(iter(outputs.values())))
        output = layer.output if layer is not None else arrives
        classes = examples.target.classes
        values: tuple[int, ...] = examples.labels.shape[1:] or (1,)
        shape = output.shape[:1] if classes is not None else values
        if output.shape != shape:
            axes = "one value per class" if classes is not None else "×".join(["N", *map(str, shape)])
            return Failed(f"an output of {axes}", f"{output}")
        try:
            self.metric.check(output, examples.target)
        except Cause as cause:
            return Failed(f"an output for {examples.target}", cause.problem, cause.hint)
        if subject.is_reference:
            return None
        count = len(examples.inputs)
        steps = longest(network.inputs, dict.fromkeys(network.inputs, examples.inputs))
        each = sum(one.output.size for one in network.layers)
        batch = max(1, min(count, BATCH_VALUES // max(each, 1)))
        return Task(
            {"batch": batch, "affine": list(examples.affine), "preprocessing": examples.preprocessing},
            {"inputs": examples.inputs},
            operations=count * steps * network.multiply_adds,
            values=steps * (count * (arrives.size + output.size) + batch * each),
        )

    def without_answers(self) -> Self:
        low, high = (0.0, 1.0) if self.metric.better == "higher" else (1.0, 0.0)
        return self.model_copy(update={"zero": low, "full": high})

    def work(self, task: Task, submission: Submission) -> Findings:
        import torch

        from builder.runtime.data import Preprocessing
        from builder.runtime.module import build

        try:
            preprocessing = Preprocessing.from_json(_preprocessing(task, submission))
        except DataError as error:
            raise Refusal("the preprocessing that `train` writes beside the weights", error.problem) from None
        allowed = (1, *task.arrays["inputs"].shape[1:2])
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
        with torch.inference_mode():
            batches = torch.split(inputs, task.parameters["batch"])
            outputs = [network(preprocessing.apply_affine(x)) for x in batches]
        return Findings(arrays={"outputs": torch.cat(outputs).numpy()})

    def judge(self, question: Question, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        examples = question.examples
        outputs = found.arrays["outputs"]
        assert examples is not None and len(outputs) == len(examples.inputs), "one output for each example"
        wrong = int((~np.isfinite(outputs.reshape(len(outputs), -1))).any(axis=1).sum())
        if wrong:
            return Failed(
                "outputs that are finite numbers",
                f"not-a-number or infinity for {wrong:,} of {len(outputs):,} examples",
                "The training may have diverged: look at its loss, and lower the learning rate.",
                direction="outputs that are no finite numbers",
            )
        value = self.metric.of(outputs, examples.labels)
        return self._outcome(value, examples)

    def _outcome(self, value: float, examples: Examples) -> Outcome:
        credit = (value - self.zero) / (self.full - self.zero)
        told = self._told(value, len(examples.labels))
        if credit >= 1:
            return Passed(told)
        higher = self.metric.better == "higher"
        return Failed(
            f"{type(self.metric).__name__} of at {'least' if higher else 'most'} {self.full:g}",
            told,
            fraction=max(credit, 0.0) if math.isfinite(credit) else 0.0,
            direction=f"{type(self.metric).__name__} is too {'low' if higher else 'high'}",
        )

    def _told(self, value: float, count: int) -> str:
        """The receipt: the figure, what it is of, and its 95 % interval where it is a share."""
        if not isinstance(self.metric, _SHARES):
            return f"{value:.4g} on {count:,} examples"
        right = round(value * count)
        low, high = wilson(right, count)
        crossed = [f"`{name}`" for name in ("zero", "full") if low < getattr(self, name) < high]
        luck = f"; luck alone may cross {' and '.join(crossed)}" if crossed else ""
        return f"{right:,} of {count:,} = {value:.4g} (95 % interval {low:.3f} to {high:.3f}{luck})"


def _preprocessing(task: Task, submission: Submission) -> str:
    given = task.parameters["preprocessing"]
    if given is not None:
        return str(given)
    wanted = task.parameters["affine"]
    carried = submission.preprocessing
    if carried is None:
        raise Refusal(
            f"weights that carry what {' and '.join(f'`{name}`' for name in wanted)} learned",
            "weights without it",
            "Hand in the `weights.safetensors` that `gradspec train` wrote.",
        )
    return carried


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, Wilson's score interval.

    >>> [round(bound, 3) for bound in wilson(934, 1000)]
    [0.917, 0.948]
    """
    share, z2 = right / count, _NORMAL_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _NORMAL_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)

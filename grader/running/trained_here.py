"""Training a submission's network here, in its worker, by the assignment's `data` and `train`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from builder.errors import Report, TrainingError
from builder.language.source import read_text
from builder.reader import Reader
from builder.shapes import count
from builder.training.section import Train
from grader.check import Brief
from grader.comparing.injection import longest
from grader.exchange import Array, Examples, Task
from grader.outcome import Refusal
from grader.outline import Outline
from grader.running.predictions import held, output_of
from grader.submission.submission import Submission

if TYPE_CHECKING:
    from builder.runtime.data.splits import Splits
    from builder.runtime.network.module import Network
    from builder.runtime.training.events import Event

FORWARD_AND_BACK: Final = 3
MOST_SHOWN: Final = 2000  # training examples that an outcome is measured on


class _Enough(Exception):
    """Raised when the steps that were asked for are taken."""


@dataclass(slots=True)
class _Counter:
    """Ends the training after so many steps."""

    left: int

    def __call__(self, event: Event) -> None:
        from builder.runtime.training.events import BatchDone

        if isinstance(event, BatchDone):
            self.left -= 1
            if self.left <= 0:
                raise _Enough


def training_task(network: Outline, brief: Brief, steps: int, seeds: int) -> Task:
    """What a worker needs to train ``steps`` steps from each of ``seeds`` starts: the public training part."""
    examples, train, data = brief.training, brief.train, brief.data
    assert examples is not None and train is not None and data is not None, "asked for by the check"
    arrays = {"inputs": examples.inputs, "labels": examples.labels}
    if examples.lengths is not None:
        arrays["lengths"] = examples.lengths
    time = longest(network.inputs, dict.fromkeys(network.inputs, examples.inputs))
    number = len(examples.inputs)
    shown, batch = min(number, MOST_SHOWN), min(number, data.batch_size)
    each = held(network, time)
    return Task(
        {
            "preprocessing": examples.preprocessing,
            "per_step": examples.per_step,
            "train": train.plain(),
            "batch_size": data.batch_size,
            "shuffle": data.shuffle,
            "classes": examples.target.classes,
        },
        arrays,
        operations=seeds * time * network.multiply_adds * (FORWARD_AND_BACK * steps * batch + 2 * shown),
        values=examples.inputs.size
        + 2 * batch * each
        + seeds * 2 * shown * count(output_of(network).sized(time)),
    )


def trained_here(task: Task, submission: Submission, steps: int, seed: int) -> tuple[Array, Array]:
    """One row of output for each target of the first training examples: before, and after so many steps.

    The first weights are those that the framework draws for the spec, its `init` included. Raises ``Refusal``
    for a network that cannot be trained.
    """
    import torch

    from builder.runtime.network.module import build
    from builder.runtime.training.loop import Loop

    torch.manual_seed(seed)
    section, splits = _section(task, seed), splits_of(task, seed)
    network = build(submission.spec, seed)
    before = _outputs(network, splits)
    try:
        loop = Loop(network, section, splits, torch.device("cpu"))
        watch = _Counter(steps)
        while True:
            loop.run_epoch(watch)
    except _Enough:
        pass
    except TrainingError as error:
        raise Refusal("a network that can be trained", error.problem, error.hint) from None
    return before, _outputs(network, splits)


def _section(task: Task, seed: int) -> Train:
    """The assignment's `train`, as it is here: on the processor, without an early end."""
    report = Report()
    root = read_text(json.dumps(task.parameters["train"]), "<train>").root
    section = Reader(report, {}).component(Train, root, root.place)
    report.raise_errors()
    assert section is not None
    changed: dict[str, Any] = {"device": "cpu", "precision": "float32", "early_stopping": None, "seed": seed}
    return section.model_copy(update=changed)


def splits_of(task: Task, seed: int) -> Splits:
    """The assignment's training part, preprocessed, with no other part; ``seed`` orders its batches."""
    import torch

    from builder.data.info import DataInfo, Target
    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.data.splits import Part, Splits
    from builder.shapes import TensorType

    preprocessing = Preprocessing.from_json(str(task.parameters["preprocessing"]))
    x = preprocessing.apply_affine(torch.from_numpy(task.arrays["inputs"]))
    y = preprocessing.targets(torch.from_numpy(task.arrays["labels"]))
    lengths = torch.from_numpy(task.arrays["lengths"]) if "lengths" in task.arrays else None
    part = Part(x, y, lengths, bool(task.parameters["per_step"]))
    info = DataInfo(TensorType(tuple(x.shape[1:])), Target(task.parameters["classes"]), len(x))
    size, shuffle = int(task.parameters["batch_size"]), bool(task.parameters["shuffle"])
    return Splits(info, part, None, None, preprocessing, size, shuffle, seed)


def _outputs(network: Network, splits: Splits) -> Array:
    from builder.runtime.data.splits import Batch
    from builder.runtime.training.outputs import outputs, scored

    part = splits.train
    few = slice(0, MOST_SHOWN)
    lengths = None if part.lengths is None else part.lengths[few]
    (found,) = outputs(network, part.x[few], lengths=lengths).values()
    rows, _ = scored(found, Batch(part.x[few], part.y[few], lengths), part.per_step)
    array: Array = rows.numpy().astype(np.float32)
    return array


def loss_on(brief: Brief, outputs: Array) -> float:
    """The assignment's loss of these rows of output on the first training examples, per target.

    `NLLLoss` falls without end for what are no logarithms of probabilities, so it reads them made ones.
    """
    import torch

    criterion, targets = _criterion(brief)
    said = torch.from_numpy(outputs.astype(np.float64))
    return float(criterion(said.log_softmax(1) if _reads_logs(brief) else said, targets))


def loss_of_a_constant(brief: Brief, width: tuple[int, ...]) -> float:
    """The lowest loss of an answer that is the same for every example: what a network reaches by looking at nothing.

    ``width`` is the shape of one row of output. Of `CrossEntropyLoss` it is the entropy of the labels, at most
    ln(classes); of `MSELoss` their variance. Found by L-BFGS, which is exact enough for what is convex.
    """
    import torch

    criterion, targets = _criterion(brief)
    logs = _reads_logs(brief)
    constant = torch.zeros(width, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([constant], max_iter=200, line_search_fn="strong_wolfe")

    def value() -> torch.Tensor:
        said = constant.log_softmax(0) if logs else constant
        loss: torch.Tensor = criterion(said.expand(len(targets), *width), targets)
        return loss

    def step() -> torch.Tensor:
        search.zero_grad()
        found = value()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    with torch.enable_grad():
        search.step(step)  # type: ignore[no-untyped-call]
    return float(value().detach())


def _reads_logs(brief: Brief) -> bool:
    assert brief.train is not None, "asked for by the check"
    return type(brief.train.loss).__name__ == "NLLLoss"


def _criterion(brief: Brief) -> tuple[Any, Any]:
    """The loss per target, and the targets of the first training examples as it sees them."""
    import torch

    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.training.outputs import sums

    examples, train = brief.training, brief.train
    assert examples is not None and train is not None, "asked for by the check"
    few = slice(0, MOST_SHOWN)
    first = Examples(
        examples.inputs[few],
        examples.labels[few],
        examples.target,
        lengths=None if examples.lengths is None else examples.lengths[few],
    )
    targets = torch.from_numpy(np.ascontiguousarray(first.targets))
    if targets.is_floating_point():
        targets = Preprocessing.from_json(str(examples.preprocessing)).targets(targets.double())
    criterion = train.loss.build()
    if isinstance(criterion, torch.nn.Module):
        criterion.double()
    share = len(targets) if sums(train) else 1
    return lambda output, target: criterion(output, target) / share, targets

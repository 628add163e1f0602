"""The section ``train``: what a run minimises, with what, for how long, and how that is watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Choice, Choices, Component, Rejected, Section
from builder.data.info import Target
from builder.errors import Cause, did_you_mean
from builder.fields import Count, Flag, Natural, NonNegative, Positive, Text
from builder.shapes import TensorType
from builder.training.losses.loss import Loss, losses
from builder.training.metrics.metric import Metric
from builder.training.metrics.metric import metrics as known_metrics
from builder.training.optimizers.optimizer import Optimizer, optimizers
from builder.training.schedulers.scheduler import Scheduler, schedulers

if TYPE_CHECKING:
    from builder.training.adversarial_training import AdversarialTraining
    from builder.training.schedulers.torch_schedulers import ReduceLROnPlateau
else:
    AdversarialTraining = Any  # for pydantic: only a spec that writes it pays for its module

ROBUST_ACCURACY: Final = "validation_robust_accuracy"


@final
class EarlyStopping(Component):
    """Ends a run whose monitored figure has not become better for ``patience`` epochs.

    The weights of the best epoch are kept. Better means smaller for a loss, and what the metric says for a
    metric; a change of at most ``min_delta`` is none. Names as in Keras' EarlyStopping.
    """

    section_key = "early_stopping"
    main = "patience"
    accepts = (Accepted("3"), Accepted("{monitor: validation_loss, patience: 3, min_delta: 1e-4}"))
    rejects = (
        Rejected("{monitor: validation_loss}", "`early_stopping` needs `patience`"),
        Rejected("0", "expected a whole number of at least 1, found 0"),
    )

    patience: Count
    monitor: Text = "validation_loss"
    min_delta: NonNegative = 0.0


@final
class Train(Component):
    """How the network is trained.

    ``clip_grad_norm`` bounds the 2-norm of all gradients together (torch.nn.utils.clip_grad_norm_).
    ``precision`` below float32 computes under torch.autocast, weights staying float32. ``device: auto`` takes
    cuda where there is one. ``threads`` absent: torch's own choice.

    ``truncate: 35`` is truncated backpropagation through time: sequences are cut every 35 steps, the optimiser
    steps after each piece, and no gradient passes a cut. With ``carry_state`` a piece begins with the states
    that the piece before ended with, else as a sequence does. Williams & Peng, "An Efficient Gradient-Based
    Algorithm for On-Line Training of Recurrent Network Trajectories" (1990).
    """

    section_key = "train"
    accepts = (
        Accepted("{loss: CrossEntropyLoss, optimizer: {Adam: {lr: 1e-3}}, epochs: 10}"),
        Accepted(
            "{loss: CrossEntropyLoss, optimizer: AdamW, scheduler: {OneCycleLR: {max_lr: 1e-2}}, epochs: 3, "
            "metrics: [accuracy], clip_grad_norm: 1.0, "
            "early_stopping: {monitor: validation_accuracy, patience: 3}, "
            "precision: bfloat16, device: cpu, seed: 1, threads: 2}"
        ),
        Accepted("{loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, truncate: 35, carry_state: true}"),
    )
    rejects = (
        Rejected("{optimizer: Adam, epochs: 1}", "`train` needs `loss`"),
        Rejected(
            "{loss: MSELoss, optimizer: Adam, epochs: 0}", "expected a whole number of at least 1, found 0"
        ),
        Rejected(
            "{loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, carry_state: true}",
            "`carry_state` carries states from piece to piece, and nothing is cut",
        ),
        Rejected(
            "{loss: MSELoss, optimizer: Adam, epochs: 1, metrics: [mae, mae]}",
            "the metric `mae` stands here twice",
        ),
        Rejected(
            "{loss: MSELoss, optimizer: Adam, epochs: 1, early_stopping: "
            "{monitor: validation_mae, patience: 1}}",
            "there is nothing called `validation_mae` to monitor",
        ),
        Rejected(
            "{loss: MSELoss, optimizer: Adadelta, epochs: 1, scheduler: {OneCycleLR: 0.1}}",
            "`OneCycleLR` cycles the momentum, and `Adadelta` has none",
        ),
    )

    loss: Annotated[Loss, Choice(losses)]
    optimizer: Annotated[Optimizer, Choice(optimizers)]
    scheduler: Annotated[Scheduler | None, Choice(schedulers)] = None
    epochs: Count
    metrics: Annotated[tuple[Metric, ...], Choices(known_metrics)] = ()
    clip_grad_norm: Positive | None = None
    truncate: Count | None = None
    carry_state: Flag = False
    early_stopping: EarlyStopping | None = None
    adversarial_training: Annotated[
        AdversarialTraining | None, Section("builder.training.adversarial_training", "AdversarialTraining")
    ] = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: Natural = 0
    threads: Count | None = None

    @property
    def monitored(self) -> tuple[str, ...]:
        """The figures that may be monitored.

        ``train_loss``, ``validation_loss``, ``validation_<metric>``, and ``validation_robust_accuracy`` where
        adversarial training measures it.
        """
        names = ["train_loss", "validation_loss", *(f"validation_{type(m).__name__}" for m in self.metrics)]
        if self.adversarial_training is not None and self.adversarial_training.measure:
            names.append(ROBUST_ACCURACY)
        return tuple(names)

    def better(self, monitor: str) -> Literal["lower", "higher"]:
        """Whether a lower or a higher value of a monitored figure is better."""
        for metric in self.metrics:
            if monitor == f"validation_{type(metric).__name__}":
                return metric.better
        return "higher" if monitor == ROBUST_ACCURACY else "lower"

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        names = [type(metric).__name__ for metric in self.metrics]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise Cause(f"the metric `{name}` stands here twice", field=f"metrics.{index}")
        if self.carry_state and self.truncate is None:
            raise Cause(
                "`carry_state` carries states from piece to piece, and nothing is cut",
                "Add `truncate: 35`, the steps of a piece.",
                field="carry_state",
            )
        if self.early_stopping is not None:
            self._known_monitor(self.early_stopping.monitor, "early_stopping.monitor")
        if self.scheduler is not None:
            self.scheduler.check(self.optimizer, self.epochs)
        if (plateau := self._plateau) is not None:
            self._known_monitor(plateau.monitor, "scheduler")
            wanted = "min" if self.better(plateau.monitor) == "lower" else "max"
            if plateau.mode != wanted:
                raise Cause(
                    f"`{plateau.monitor}` is better when {self.better(plateau.monitor)}, "
                    f"and `mode` is {plateau.mode}",
                    f"Write `mode: {wanted}`.",
                    field="scheduler",
                )
        return self

    @property
    def _plateau(self) -> ReduceLROnPlateau | None:
        """The scheduler, if it watches a figure. Only then is its family imported."""
        if self.scheduler is None or self.scheduler.steps != "monitor":
            return None
        from builder.training.schedulers.torch_schedulers import ReduceLROnPlateau

        assert isinstance(self.scheduler, ReduceLROnPlateau), "it alone watches a figure"
        return self.scheduler

    def _known_monitor(self, monitor: str, field: str) -> None:
        if monitor not in self.monitored:
            hint = did_you_mean(monitor, self.monitored)
            if monitor == ROBUST_ACCURACY:
                hint = "It is measured with `adversarial_training`, unless that says `measure: false`."
            metric = monitor.removeprefix("validation_")
            if metric in known_metrics and monitor != metric:
                hint = f"Add `{metric}` to `metrics`."
            raise Cause(f"there is nothing called `{monitor}` to monitor", hint, field=field)

    def misfits(
        self, output: TensorType, target: Target, *, validation: bool, arrives: TensorType | None = None
    ) -> Iterator[Cause]:
        """Everything in which the network's output, the data and this section do not fit each other.

        ``validation`` says whether the data has a validation part; ``arrives`` is the network's input, whose
        first axis is time where there is a target per step. Each ``Cause`` has its field.
        """
        if self.truncate is not None and target.steps is None:
            yield Cause(
                "pieces of a sequence are trained on one by one, and the data has no target per step",
                "Leave `truncate` out.",
                field="truncate",
            )
        if target.steps is not None:
            time = target.steps if arrives is None else arrives.shape[0]
            if output.shape[:1] != (time,) or len(output.shape) < 2:
                yield Cause(
                    f"the data's target is {target}, and the output is {output}",
                    f"It should be N×{time}×…: `output: sequence`, then `Linear`.",
                    field="loss",
                )
                return
            output = TensorType(output.shape[1:], output.vocabulary)
        elif output.free:
            yield Cause(
                f"the data's target is {target}, and the output is {output}, one per step",
                "Use `output: last` of a recurrent layer, `Select` or `Mean`.",
                field="loss",
            )
            return
        checks = [("loss", self.loss.check), *((f"metrics.{i}", m.check) for i, m in enumerate(self.metrics))]
        for field, check in checks:
            try:
                check(output, target)
            except Cause as cause:
                yield Cause(cause.problem, cause.hint, field=field)
        if validation:
            return
        watchers: list[tuple[str, str]] = []
        if self.early_stopping is not None:
            watchers.append(("early_stopping", self.early_stopping.monitor))
        if (plateau := self._plateau) is not None:
            watchers.append(("scheduler", plateau.monitor))
        for field, monitor in watchers:
            if monitor.startswith("validation_"):
                yield Cause(
                    f"`{monitor}` is monitored, and the data has no validation part",
                    "Give `data: {split: …}` a `validation`, or monitor `train_loss`.",
                    field=field,
                )

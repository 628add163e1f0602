"""The section ``train`` as a whole, and how it fits output and data."""

from __future__ import annotations

import yaml

from builder.component import Component
from builder.data.info import Target
from builder.errors import Report, SpecError
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.reader import Reader
from builder.shapes import TensorType
from builder.training.losses.classification import CrossEntropyLoss
from builder.training.losses.regression import MSELoss
from builder.training.metrics.classification import accuracy
from builder.training.metrics.regression import mae
from builder.training.optimizers.sgd import SGD
from builder.training.schedulers.torch_schedulers import ReduceLROnPlateau
from builder.training.section import EarlyStopping, Train

TEN = Target(classes=10)


def _read(text: str) -> tuple[Component | None, tuple[SpecError, ...]]:
    report = Report()
    root = read_text(text).root
    assert isinstance(root, Mapping)
    made = Reader(report, {}).component(Train, root.entries["train"], root.keys["train"])
    return made, report.errors


def test_it_comes_back_as_plain_data() -> None:
    made, errors = _read(
        "train: {loss: CrossEntropyLoss, optimizer: {SGD: 0.1}, epochs: 3, metrics: [accuracy, f1],\n"
        "  scheduler: CosineAnnealingLR, early_stopping: {monitor: validation_f1, patience: 2}}"
    )
    assert not errors and made is not None
    again, errors = _read(yaml.safe_dump({"train": made.plain()}))
    assert not errors
    assert again == made


def test_every_error_stands_at_its_own_place() -> None:
    _, errors = _read(
        "train:\n"
        "  loss: CrossEntropy\n"
        "  optimizer: {Adam: {lr: fast}}\n"
        "  epochs: 1.5\n"
        "  constraint: 35\n"
        "  metric: [accuracy]\n"
    )
    assert [(e.line, e.column, e.problem, e.hint) for e in errors] == [
        (2, 9, "there is no loss `CrossEntropy`", "Did you mean `CrossEntropyLoss`?"),
        (3, 26, 'expected a real number of at least 0, found the text "fast"', None),
        (4, 11, "expected a whole number of at least 1, found the real number 1.5", None),
        (5, 3, "the field `constraint` of `train` is not available yet", None),
        (6, 3, "`train` has no field `metric`", "Did you mean `metrics`?"),
    ]


def test_an_error_over_several_fields_stands_at_the_one_it_is_about() -> None:
    _, errors = _read(
        "train:\n"
        "  loss: CrossEntropyLoss\n"
        "  optimizer: Adam\n"
        "  epochs: 1\n"
        "  early_stopping: {patience: 1, monitor: validation_accuracy}\n"
    )
    assert [(e.line, e.column, e.problem, e.hint) for e in errors] == [
        (5, 42, "there is nothing called `validation_accuracy` to monitor", "Add `accuracy` to `metrics`.")
    ]


def test_a_plateau_watches_the_right_way() -> None:
    text = (
        "train: {{loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, metrics: [accuracy],\n"
        "  scheduler: {{ReduceLROnPlateau: {{monitor: validation_accuracy, mode: {mode}}}}}}}"
    )
    assert not _read(text.format(mode="max"))[1]
    _, errors = _read(text.format(mode="min"))
    assert [(e.problem, e.hint) for e in errors] == [
        ("`validation_accuracy` is better when higher, and `mode` is min", "Write `mode: max`.")
    ]


def test_which_way_is_better() -> None:
    train = Train(loss=CrossEntropyLoss(), optimizer=SGD(), epochs=1, metrics=(accuracy(),))
    assert train.better("validation_loss") == train.better("train_loss") == "lower"
    assert train.better("validation_accuracy") == "higher"
    assert train.monitored == ("train_loss", "validation_loss", "validation_accuracy")


def test_all_misfits_are_found_at_once() -> None:
    train = Train(
        loss=MSELoss(),
        optimizer=SGD(),
        epochs=1,
        metrics=(accuracy(), mae()),
        early_stopping=EarlyStopping(patience=1),
        scheduler=ReduceLROnPlateau(),
    )
    found = list(train.misfits(TensorType((12,)), TEN, validation=False))
    assert [cause.field for cause in found] == ["loss", "metrics.1", "early_stopping", "scheduler"]
    assert found[2].problem == "`validation_loss` is monitored, and the data has no validation part"


def test_what_fits_is_silent() -> None:
    train = Train(loss=CrossEntropyLoss(), optimizer=SGD(), epochs=1, metrics=(accuracy(),))
    assert not list(train.misfits(TensorType((10,)), TEN, validation=True))
    watching = Train(
        loss=CrossEntropyLoss(),
        optimizer=SGD(),
        epochs=1,
        early_stopping=EarlyStopping(patience=1, monitor="train_loss"),
    )
    assert not list(watching.misfits(TensorType((10,)), TEN, validation=False))

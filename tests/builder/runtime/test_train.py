"""Runs against loops by hand, and against themselves: resumed, stopped, interrupted, gone wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from builder import loads
from builder.errors import ExportError, RunError, TrainingError
from builder.runtime import Run, build, train
from builder.runtime.data.splits import load_splits
from builder.runtime.training.events import (
    BatchDone,
    CheckpointSaved,
    EpochDone,
    EpochStarted,
    Event,
    StoppedEarly,
)
from builder.spec.spec import ModelSpec

Small = Callable[..., ModelSpec]
ADAM = "train.optimizer={Adam: {lr: 1e-2}}"
IMAGES = """
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 4, kernel_size: 3}}, BatchNorm2d, ReLU, {Dropout: 0.3}, Flatten, {Linear: 10}]
data:
  source: Digits
  preprocess: [{Rescale: [-1, 1]}]
  augment: [RandomHorizontalFlip]
  split: {train: 0.5, validation: 0.1, test: 0.4}
  batch_size: 128
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 4, device: cpu, threads: 1}
"""
COURSES = {
    "onecycle_momentum": (
        "optimizer={SGD: {lr: 0.05, momentum: 0.9}}",
        "scheduler={OneCycleLR: {max_lr: 0.1}}",
    ),
    "onecycle_adam": (
        "optimizer={Adam: {lr: 1e-3}}",
        "scheduler={OneCycleLR: {max_lr: 0.02}}",
        "clip_grad_norm=1",
    ),
    "plateau_stopping": (
        "optimizer={RMSprop: {lr: 1e-3}}",
        "scheduler={ReduceLROnPlateau: {patience: 0}}",
        "early_stopping={monitor: validation_loss, patience: 3}",
    ),
    "milestones_bfloat16": ("optimizer=AdamW", "scheduler={MultiStepLR: [1, 3]}", "precision=bfloat16"),
}


def interrupt_after(epoch: int) -> Callable[[Event], None]:
    """Presses Ctrl-C two batches into the epoch after this one."""

    def watch(event: Event) -> None:
        if isinstance(event, BatchDone) and event.epoch == epoch + 1 and event.batch == 2:
            raise KeyboardInterrupt

    return watch


def lines(out: Path) -> list[dict[str, float]]:
    """``metrics.jsonl`` without the seconds, which no two runs share."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in found]


def same_files(one: Path, other: Path) -> bool:
    return (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()


def test_the_same_bits_as_a_loop_by_hand(small: Small, tmp_path: Path, no_export: None) -> None:
    spec = small("train.clip_grad_norm=0.5", "train.scheduler={StepLR: 1}")
    assert spec.data is not None
    ours = train(spec, tmp_path / "run").module.state_dict()

    splits = load_splits(spec.data, spec.folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, fused=True)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for epoch in range(3):
        for x, y, _ in splits.batches(epoch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
        scheduler.step()
    torch.set_num_threads(threads)
    for ours_, theirs in zip(ours.values(), net.state_dict().values(), strict=True):
        assert torch.equal(ours_, theirs)


@pytest.mark.parametrize("course", COURSES)
def test_resumed_to_the_same_bits(course: str, tmp_path: Path, no_export: None) -> None:
    spec = loads(IMAGES, sets=[f"train.{setting}" for setting in COURSES[course]])
    straight = train(spec, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "resumed", watch=interrupt_after(2))
    assert len(lines(tmp_path / "resumed")) == 2
    torch.manual_seed(99)  # another process, another state of the generator
    resumed = train(spec, tmp_path / "resumed", resume=True)
    assert same_files(straight.folder, resumed.folder)
    assert lines(straight.folder) == lines(resumed.folder)
    assert len(lines(resumed.folder)) == 4


def test_interrupted_before_the_first_epoch_ends(small: Small, tmp_path: Path, no_export: None) -> None:
    straight = train(small(), tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        train(small(), tmp_path / "resumed", watch=interrupt_after(0))
    assert same_files(straight.folder, train(small(), tmp_path / "resumed", resume=True).folder)


def test_epochs_may_grow(small: Small, tmp_path: Path, no_export: None) -> None:
    straight = train(small("train.epochs=4"), tmp_path / "straight")
    train(small("train.epochs=2"), tmp_path / "grown")
    grown = train(small("train.epochs=4"), tmp_path / "grown", resume=True)
    assert same_files(straight.folder, grown.folder)
    assert (grown.folder / "spec.yaml").read_text() == (straight.folder / "spec.yaml").read_text()


@pytest.mark.parametrize(
    ("sets", "problem"),
    [
        (["train.optimizer={Adam: {lr: 0.1}}"], r"`train\.optimizer\.Adam\.lr` changed"),
        (["layers[1].Linear=25"], r"`layers\[1\]\.Linear\.out_features`.* changed"),
        (["data.batch_size=64", "train.seed=1"], r"`data\.batch_size`, `train\.seed` changed"),
        (["train.epochs=1"], "has 2 epochs behind it, and `train.epochs` is 1"),
    ],
)
def test_a_changed_spec_is_not_resumed(
    small: Small, tmp_path: Path, no_export: None, sets: list[str], problem: str
) -> None:
    train(small("train.epochs=2"), tmp_path / "run")
    with pytest.raises(RunError, match=problem):
        train(small("train.epochs=2", *sets), tmp_path / "run", resume=True)


def test_a_course_over_all_epochs_does_not_grow(small: Small, tmp_path: Path, no_export: None) -> None:
    course = "train.scheduler={OneCycleLR: {max_lr: 0.1}}"
    train(small("train.epochs=2", course), tmp_path / "run")
    with pytest.raises(RunError, match="`OneCycleLR` spreads its course over all epochs"):
        train(small("train.epochs=3", course), tmp_path / "run", resume=True)


def test_folders(small: Small, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, problem in (("full", "is not empty"), ("file", "is a file, and a run is a folder")):
        with pytest.raises(RunError, match=problem):
            train(small(), tmp_path / name)
    for name in ("full", "absent"):
        with pytest.raises(RunError, match="no run to resume"):
            train(small(), tmp_path / name, resume=True)


def test_two_outputs_are_refused_though_the_reader_said_nothing(small: Small, tmp_path: Path) -> None:
    spec = small()
    (name, layer), *_ = spec.graph.outputs.items()
    two = replace(spec, graph=replace(spec.graph, outputs={name: layer, "again": layer}))
    with pytest.raises(RunError, match=r"^The network has 1 input and 2 outputs, and the data gives one"):
        train(two, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_broken_checkpoint_is_said(small: Small, tmp_path: Path, no_export: None) -> None:
    out = tmp_path / "run"
    train(small("train.epochs=1"), out)
    state = json.loads((out / "checkpoint" / "state.json").read_text())
    (out / "checkpoint" / state["tensors"]).write_bytes(b"\0" * 20)
    with pytest.raises(RunError, match="cannot be read"):
        train(small("train.epochs=2"), out, resume=True)
    state["state"] = {"dict": [["network", {"dict": []}]]}
    train(small("train.epochs=1"), tmp_path / "other")
    (tmp_path / "other" / "checkpoint" / "state.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match="cannot be read"):
        train(small("train.epochs=2"), tmp_path / "other", resume=True)


@pytest.mark.parametrize("text", ["", "layers: [", "just words", "- 1"])
def test_a_broken_spec_is_said(small: Small, tmp_path: Path, text: str) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(RunError, match=r"The spec of the run in `.*` cannot be read"):
        train(small(), tmp_path, resume=True)


def test_what_fails_before_the_first_step_leaves_no_folder(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no data")

    monkeypatch.setattr(sys.modules["builder.runtime.train"], "load_splits", fail)
    with pytest.raises(OSError, match="no data"):
        train(small(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_best_epoch_is_kept(small: Small, tmp_path: Path, no_export: None) -> None:
    events: list[Event] = []
    patient = "train.early_stopping={monitor: validation_loss, patience: 2}"
    wild = small("train.epochs=40", patient, "train.optimizer={Adam: {lr: 0.1}}")
    run = train(wild, tmp_path / "run", watch=events.append)
    losses = [line["validation_loss"] for line in lines(run.folder)]
    best = losses.index(min(losses)) + 1
    assert best < len(losses) < 40
    assert run.summary["weights_of_epoch"] == best
    assert run.summary["stopped_early"]
    (stopped,) = (event for event in events if isinstance(event, StoppedEarly))
    assert (stopped.best_epoch, stopped.epoch) == (best, len(losses))
    short = train(small(f"train.epochs={best}", "train.optimizer={Adam: {lr: 0.1}}"), tmp_path / "short")
    for name, tensor in load_file(short.weights).items():
        assert torch.equal(tensor, load_file(run.weights)[name])


def test_a_loss_that_is_no_number_ends_the_run(small: Small, tmp_path: Path, no_export: None) -> None:
    rise = ("train.optimizer={SGD: {lr: 1e-2}}", "train.scheduler={ExponentialLR: 1e38}", "train.epochs=5")
    good = train(small("train.optimizer={SGD: {lr: 1e-2}}", "train.epochs=1"), tmp_path / "good")
    with pytest.raises(
        TrainingError, match=r"loss of epoch 2 is not finite .*epoch 1 are kept.*`clip_grad_norm"
    ):
        train(small(*rise), tmp_path / "run")
    assert same_files(good.folder, tmp_path / "run")
    with pytest.raises(TrainingError, match=r"epoch 1 is not finite .* No epoch ended well"):
        train(small("train.optimizer={SGD: {lr: 1e38}}"), tmp_path / "never")
    assert not (tmp_path / "never" / "weights.safetensors").exists()


def test_events_and_metrics(small: Small, tmp_path: Path, no_export: None) -> None:
    events: list[Event] = []
    running: list[float] = []

    def watch(event: Event) -> None:
        events.append(event)
        if isinstance(event, BatchDone):
            running.append(event.loss())

    run = train(small("train.epochs=2"), tmp_path / "run", watch=watch)
    batches = 9  # ⌈1078/128⌉
    per_epoch = [EpochStarted, *[BatchDone] * batches, EpochDone, CheckpointSaved]
    assert [type(event) for event in events][: 2 * len(per_epoch)] == per_epoch * 2
    assert running[batches - 1] == pytest.approx(run.metrics[0]["train_loss"])
    assert list(run.metrics[0]) == [
        "epoch", "train_loss", "validation_loss", "validation_accuracy", "learning_rate", "seconds",
    ]  # fmt: skip
    assert run.metrics[1]["epoch"] == 2
    assert run.metrics[1]["learning_rate"] == 1e-2


def test_without_a_validation_part(small: Small, tmp_path: Path, no_export: None) -> None:
    run = train(small("train.epochs=1", "data.split={train: 0.8, test: 0.2}"), tmp_path / "run")
    assert run.metrics[0]["validation_loss"] is None
    assert run.metrics[0]["validation_accuracy"] is None


def test_weights_are_saved_before_the_export(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(run: Run, path: Path) -> None:
        assert run.weights.exists()
        raise ExportError("no")

    monkeypatch.setattr(sys.modules["builder.runtime.train"], "export", export)
    with pytest.raises(ExportError):
        train(small("train.epochs=1"), tmp_path / "run")
    assert load_file(tmp_path / "run" / "weights.safetensors").keys() == build(small()).state_dict().keys()


def test_it_learns(run: Run) -> None:
    assert run.summary["test_accuracy"] > 0.85
    assert run.summary["parameters"] == 64 * 24 + 24 + 24 * 10 + 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("input: [4]\nlayers: [{Linear: 2}]\n", "has no section `data`"),
        (
            "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\ndata: {source: Digits}\n",
            "has no section `train`",
        ),
    ],
)
def test_what_cannot_be_trained(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        train(loads(text), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_to_train(tmp_path: Path) -> None:
    lines = IMAGES.splitlines()
    lines[2] = "layers: [Flatten, {Linear: 10, freeze: true}]"
    frozen = "\n".join(lines)
    with pytest.raises(TrainingError, match="nothing to train"):
        train(loads(frozen), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_is_not_faked(small: Small, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="`device: cuda` is asked for"):
        train(small("train.device=cuda"), tmp_path / "run")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_on_a_gpu(precision: str, tmp_path: Path, no_export: None) -> None:
    spec = loads(
        IMAGES, sets=["train.device=cuda", f"train.precision={precision}", "train.metrics=[accuracy]"]
    )
    run = train(spec, tmp_path / "run")
    assert run.summary["test_accuracy"] > 0.6
    train(spec, tmp_path / "again")
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "resumed", watch=interrupt_after(2))
    resumed = train(spec, tmp_path / "resumed", resume=True)
    assert resumed.summary["test_accuracy"] == pytest.approx(run.summary["test_accuracy"], abs=0.05)
    assert torch.float32 == next(resumed.module.parameters()).dtype

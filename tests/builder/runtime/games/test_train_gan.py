"""A GAN's run: its folder, resumed, interrupted, gone wrong; the same bits twice."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from builder import loads
from builder.errors import RunError, TrainingError
from builder.runtime import Proof, Run, evaluate, load_run, predict, sample, train
from builder.runtime.training.events import (
    CheckpointSaved,
    EpochDone,
    EpochStarted,
    Event,
    Exported,
    RoundsDone,
    SamplesDrawn,
)
from builder.spec.spec import ModelSpec

GAN = """
name: digits
networks:
  discriminator:
    input: [1, 8, 8]
    layers: [{Conv2d: {out_channels: 4, kernel_size: 3, stride: 2}}, {LeakyReLU: 0.2}, {Dropout: 0.2},
             Flatten, {Linear: 1}]
  generator:
    input: [4]
    layers: [{Linear: 32}, ReLU, {Linear: 64}, {Unflatten: [1, 8, 8]}, Tanh]
data:
  source: Digits
  preprocess: [{Rescale: [-1, 1]}]
  split: {train: 0.2, validation: 0.1, test: 0.7}
adversarial:
  objective: Hinge
  conditional: embed
  penalty: {GradientPenalty: 1}
  ema: 0.9
  instance_noise: {std: 0.1, epochs: 3}
  optimizer: {generator: Adam, discriminator: Adam}
train: {epochs: 4, device: cpu, threads: 1, metrics: [discriminator_accuracy], measure_every: 3, grid: 20}
"""
RING = """
networks:
  generator: {input: [3], layers: [{Linear: 12}, ReLU, {Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 12}, {LeakyReLU: 0.2}, {Linear: 1}]}
data: {source: {GaussianRing: {examples: 300}}, split: {train: 0.8, test: 0.2}, batch_size: 50}
adversarial: {objective: NonSaturating, optimizer: {generator: {SGD: {lr: 0.1}}, discriminator: {SGD: {lr: 0.1}}}}
train: {epochs: 2, device: cpu, threads: 1, metrics: [modes]}
"""
PLAIN = Proof(0.0, 0.0, (), 0)


def spec_of(*sets: str) -> ModelSpec:
    return loads(GAN, sets=sets)


@pytest.fixture(autouse=True)
def no_export(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the export out but for the run that all read."""
    monkeypatch.setattr(sys.modules["builder.runtime.games.train_gan"], "export", lambda what, path: PLAIN)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def run(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run; not to be changed."""
    import builder.runtime.games.train_gan as module
    from builder.runtime.export.export import export

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "export", export)
        return train(spec_of(), tmp_path_factory.mktemp("runs") / "gan", watch=events.append)


def interrupt_after(epoch: int) -> Callable[[Event], None]:
    """Presses Ctrl-C two batches into the epoch after this one."""

    def watch(event: Event) -> None:
        if isinstance(event, RoundsDone) and event.epoch == epoch + 1 and event.batch == 2:
            raise KeyboardInterrupt

    return watch


def lines(out: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in found]


def same(one: Path, other: Path) -> bool:
    return all(
        (one / f).read_bytes() == (other / f).read_bytes() for f in ("weights.safetensors", "spec.yaml")
    )


def pixels(out: Path, epoch: int) -> bytes:
    return (out / "samples" / f"epoch-{epoch:04}.png").read_bytes()


def test_the_folder(run: Run) -> None:
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "spec.yaml", "environment.json", "weights.safetensors", "model.onnx", "metrics.jsonl", "summary.json",
        "checkpoint", "samples", "samples.gif", "curves.png",
    }  # fmt: skip
    assert {path.name for path in (run.folder / "samples").iterdir()} == {
        f"epoch-000{i}.png" for i in range(1, 5)
    }
    assert list(load_file(run.weights)) == sorted(run.spec.graph.state)
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary == json.loads(json.dumps(run.summary))
    assert (summary["epochs"], summary["generator_steps"], summary["discriminator_steps"]) == (4, 24, 24)
    assert summary["parameters"] == run.spec.graph.parameters
    assert {name for name in summary if name.startswith("test_")} == {
        f"test_{figure}" for figure in run.metrics[0] if "accuracy" in figure
    }


def test_metrics(run: Run) -> None:
    """Measured after the third epoch, and after the last."""
    assert [line["epoch"] for line in run.metrics] == [1, 2, 3, 4]
    names = [name for name in run.metrics[0] if "accuracy" in name]
    assert names
    for name in names:
        assert [line[name] is None for line in run.metrics] == [True, True, False, False]
    first = ["epoch", "generator_loss", "discriminator_loss", "real_score", "fake_score"]
    assert list(run.metrics[0]) == [*first, *names, "seconds"]


def test_events(run: Run, events: list[Event]) -> None:
    per_epoch = [EpochStarted, *[RoundsDone] * 6, EpochDone, SamplesDrawn, CheckpointSaved]
    assert [type(event) for event in events] == [*per_epoch * 4, Exported]
    drawn = [event for event in events if isinstance(event, SamplesDrawn)]
    assert [event.epoch for event in drawn] == [1, 2, 3, 4]
    assert all(event.path.read_bytes().startswith(b"\x89PNG") for event in drawn)


def test_it_comes_back(run: Run) -> None:
    again = load_run(run.folder)
    assert list(again.players) == ["discriminator", "generator"]
    assert again.players["generator"] is again.module and not again.module.training
    assert again.bounds == run.bounds == (0.0, 1.0)
    for network in ("discriminator", "generator"):
        ours, theirs = run.players[network].state_dict(), again.players[network].state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert evaluate(again) == {k: v for k, v in run.summary.items() if k.startswith("test_")}
    assert torch.equal(sample(again, 7), sample(run, 7))
    with pytest.raises(RunError, match="its generator takes noise"):
        predict(again, np.zeros((2, 1, 8, 8)))


def test_the_onnx_file_is_the_generator(run: Run) -> None:
    session = onnxruntime.InferenceSession(run.onnx, providers=["CPUExecutionProvider"])
    noise, label = torch.randn(6, 4), torch.arange(6)
    (found,) = session.run(None, {"input": noise.numpy(), "label": label.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, run.module(noise, label).numpy(), atol=1e-5)


def test_the_average_is_saved_and_the_raw_weights_are_in_the_checkpoint(run: Run) -> None:
    state = json.loads((run.folder / "checkpoint" / "state.json").read_text())
    kept = load_file(run.folder / "checkpoint" / state["tensors"])
    name, saved = "generator.linear_1.weight", load_file(run.weights)
    assert torch.equal(saved[name], kept["state.average.linear_1.weight"])
    assert not torch.equal(saved[name], kept[f"state.networks.{name}"])
    assert torch.equal(
        saved["discriminator.linear_1.weight"], kept["state.networks.discriminator.linear_1.weight"]
    )


def test_the_same_bits_twice(run: Run, tmp_path: Path) -> None:
    torch.manual_seed(99)
    again = train(spec_of(), tmp_path / "again")
    assert same(run.folder, again.folder)
    assert lines(run.folder) == lines(again.folder)
    assert pixels(run.folder, 4) == pixels(again.folder, 4)
    other = train(spec_of("train.seed=1"), tmp_path / "other")
    assert lines(other.folder)[0] != lines(again.folder)[0]


@pytest.mark.parametrize("after", [0, 2])
def test_resumed_to_the_same_bits(run: Run, tmp_path: Path, after: int) -> None:
    out = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        train(spec_of(), out, watch=interrupt_after(after))
    torch.manual_seed(99)  # another process, another state of the generator
    resumed = train(spec_of(), out, resume=True)
    assert same(run.folder, resumed.folder)
    assert lines(run.folder) == lines(out)
    assert pixels(run.folder, 4) == pixels(out, 4)


def test_epochs_may_grow(run: Run, tmp_path: Path) -> None:
    """The last epoch of the shorter run was measured, and stays so; nothing else differs."""
    train(spec_of("train.epochs=2"), tmp_path / "grown")
    grown = train(spec_of(), tmp_path / "grown", resume=True)
    assert same(run.folder, grown.folder)
    with pytest.raises(RunError, match=r"has 4 epochs behind it, and `train\.epochs` is 3"):
        train(spec_of("train.epochs=3"), tmp_path / "grown", resume=True)
    with pytest.raises(RunError, match=r"`adversarial\.ema` changed"):
        train(spec_of("train.epochs=5", "adversarial.ema=0.5"), tmp_path / "grown", resume=True)


def test_a_game_gone_wrong_keeps_the_last_good_epoch(tmp_path: Path) -> None:
    good = train(loads(RING, sets=["train.epochs=1"]), tmp_path / "good")
    out = tmp_path / "run"

    def spoil(event: Event) -> None:
        if isinstance(event, RoundsDone) and event.epoch == 2 and event.batch == 2:
            event.played.generator_losses[0].fill_(float("nan"))

    with pytest.raises(
        TrainingError, match=r"generator's loss .* at step 1 of epoch 2\. The weights of epoch 1 are"
    ):
        train(loads(RING), out, watch=spoil)
    assert (out / "weights.safetensors").read_bytes() == good.weights.read_bytes()
    wild = "adversarial.optimizer.discriminator={SGD: {lr: 1e38}}"
    with pytest.raises(TrainingError, match="No epoch ended well"):
        train(loads(RING, sets=[wild]), tmp_path / "never")
    assert not (tmp_path / "never" / "weights.safetensors").exists()


def test_a_broken_checkpoint_is_said(tmp_path: Path) -> None:
    train(loads(RING, sets=["train.epochs=1"]), tmp_path / "run")
    path = tmp_path / "run" / "checkpoint" / "state.json"
    state = json.loads(path.read_text())
    state["state"] = {"dict": [["networks", {"dict": []}]]}
    path.write_text(json.dumps(state))
    with pytest.raises(RunError, match="cannot be read"):
        train(loads(RING), tmp_path / "run", resume=True)


@pytest.mark.parametrize("section", ["data", "train"])
def test_what_cannot_be_trained(tmp_path: Path, section: str) -> None:
    text = "\n".join(line for line in RING.splitlines() if not line.startswith(section))
    with pytest.raises(RunError, match=f"has no section `{section}`"):
        train(loads(text), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_networks_without_a_game(tmp_path: Path) -> None:
    text = "\n".join(line for line in RING.splitlines() if line.startswith(("networks", "  ")))
    with pytest.raises(RunError, match="has no section `adversarial`"):
        train(loads(text), tmp_path / "run")


def test_a_run_whose_data_went_away(tmp_path: Path) -> None:
    """It is sampled from, and cannot be measured."""
    points = tmp_path / "points.npz"
    np.savez(points, x=np.random.default_rng(0).random((60, 2), np.float32), y=np.arange(60) % 3)
    text = RING.replace("{GaussianRing: {examples: 300}}", "{NPZ: points.npz}")
    run = train(loads(text.replace(", metrics: [modes]", ""), folder=tmp_path), tmp_path / "run")
    wanted = sample(run, 5)
    points.unlink()
    again = load_run(tmp_path / "run")
    assert torch.equal(sample(again, 5), wanted)
    with pytest.raises(RunError, match="cannot be found, so there is nothing to evaluate on"):
        evaluate(again)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu(run: Run, tmp_path: Path) -> None:
    """The same noise in the same order: the first losses are those of the CPU."""
    there = train(spec_of("train.device=cuda", "train.epochs=1"), tmp_path / "cuda")
    assert there.metrics[0]["generator_loss"] == pytest.approx(run.metrics[0]["generator_loss"], abs=1e-2)
    assert there.metrics[0]["discriminator_loss"] == pytest.approx(
        run.metrics[0]["discriminator_loss"], abs=1e-2
    )
    with pytest.raises(KeyboardInterrupt):
        train(spec_of("train.device=cuda"), tmp_path / "resumed", watch=interrupt_after(2))
    assert train(spec_of("train.device=cuda"), tmp_path / "resumed", resume=True).summary["epochs"] == 4


def test_a_generator_that_never_steps(tmp_path: Path) -> None:
    problem = "The generator would never step: all epochs have 10 batches, and `discriminator_steps` is 11"
    with pytest.raises(RunError, match=problem):
        train(loads(RING, sets=["adversarial.discriminator_steps=11"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train(loads(RING, sets=["adversarial.discriminator_steps=10"]), tmp_path / "run")

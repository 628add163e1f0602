"""Adversarial training: what is attacked, how far, and that runs stay repeatable."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from builder.robustness.attacks.bim import BIM
from builder.robustness.attacks.pgd import PGD
from builder.runtime import build, train
from builder.runtime.attacks.adversarial_training import Adversary, with_eps
from builder.runtime.data.splits import Splits, load_splits
from builder.runtime.training.events import BatchDone, Event
from builder.runtime.training.loop import Loop
from builder.spec.spec import ModelSpec
from builder.training.adversarial_training import AdversarialTraining

Small = Callable[..., ModelSpec]
PGD7 = "train.adversarial_training={PGD: {eps: 0.1, steps: 7}, clean_share: 0.5, ramp_epochs: 2}"


def splits_of(spec: ModelSpec) -> Splits:
    assert spec.data is not None
    return load_splits(spec.data, spec.folder)


def adversary(spec: ModelSpec, rule: AdversarialTraining) -> tuple[Adversary, Splits]:
    splits = splits_of(spec)
    return Adversary(rule, build(spec), splits, (0.0, 1.0)), splits


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_the_clean_share_stays_to_the_bit_and_the_rest_keeps_its_distance(small: Small, share: float) -> None:
    attacker, splits = adversary(
        small(), AdversarialTraining(attack=PGD(eps=0.1, steps=3), clean_share=share)
    )
    scale = torch.tensor(splits.preprocessing.scale)
    for clean, attacked in zip(splits.batches(0), attacker.batches(0), strict=True):
        same = (clean.x == attacked.x).flatten(1).all(1)
        assert int(same.sum()) == round(share * len(clean.x))
        assert torch.equal(clean.y, attacked.y)
        moved = (attacked.x - clean.x).flatten(1)[~same] / scale
        assert float(moved.abs().max()) == pytest.approx(0.1, abs=1e-5)


def test_eps_and_alpha_grow_batch_by_batch(small: Small) -> None:
    rule = AdversarialTraining(attack=BIM(eps=0.2, alpha=0.2, steps=1), clean_share=0.0, ramp_epochs=2)
    attacker, splits = adversary(small(), rule)
    scale, steps = torch.tensor(splits.preprocessing.scale), splits.steps_per_epoch
    for epoch in range(3):
        batches = zip(splits.batches(epoch), attacker.batches(epoch), strict=True)
        for index, (clean, attacked) in enumerate(batches, 1):
            wanted = 0.2 * min(1.0, (epoch + index / steps) / 2)
            moved = float(((attacked.x - clean.x) / scale.view(-1, 1, 1)).abs().max())
            assert moved == pytest.approx(wanted, abs=1e-5)


def test_another_eps_scales_a_written_alpha_alone() -> None:
    found = with_eps(BIM(eps=0.2, alpha=0.05), 0.1)
    assert isinstance(found, BIM) and (found.eps, found.alpha) == (0.1, pytest.approx(0.025))
    free = with_eps(PGD(eps=0.2), 0.0)
    assert isinstance(free, PGD) and (free.eps, free.alpha) == (0.0, None)


def test_the_network_keeps_its_mode_and_its_gradients(small: Small) -> None:
    spec = small()
    network = build(spec)
    network.dropout_1.eval()
    rule = AdversarialTraining(attack=PGD(eps=0.1, steps=2))
    next(iter(Adversary(rule, network, splits_of(spec), (0.0, 1.0)).batches(0)))
    assert network.training and not network.dropout_1.training
    assert all(weight.grad is None for weight in network.parameters())


def test_dropout_does_not_make_an_attack_random(small: Small) -> None:
    """The attack is on the network in `eval` mode, so it draws nothing from torch's own stream."""
    attacker, _ = adversary(small(), AdversarialTraining(attack=PGD(eps=0.1, steps=2)))
    before = torch.get_rng_state()
    list(attacker.batches(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_robust_accuracy_is_what_foolbox_leaves(small: Small) -> None:
    """Counted by another's attack of the same kind: BIM from the example itself, without draws."""
    foolbox = pytest.importorskip("foolbox")
    spec = small()
    network, splits = build(spec).eval(), splits_of(spec)
    part = splits.validation
    assert part is not None
    rule = AdversarialTraining(attack=BIM(eps=0.02, alpha=0.004, steps=10))
    ours = Adversary(rule, network, splits, (0.0, 1.0)).accuracy(part, 1)

    scale, shift = (
        torch.tensor(v).view(-1, 1, 1) for v in (splits.preprocessing.scale, splits.preprocessing.shift)
    )
    model = foolbox.PyTorchModel(
        torch.nn.Sequential(_Affine(scale, shift), network).eval(), bounds=(0, 1), device="cpu"
    )
    theirs = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=0.004, steps=10)
    x = ((part.x - shift) / scale).clamp(0, 1)
    _, _, fooled = theirs(model, x, part.y, epsilons=0.02)
    right = network(part.x).argmax(1) == part.y
    assert ours == pytest.approx(float((right & ~fooled).double().mean()), abs=1 / len(part))
    assert 0 < ours < float(right.double().mean())


class _Affine(torch.nn.Module):
    def __init__(self, scale: torch.Tensor, shift: torch.Tensor) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift


def test_a_run_resumes_to_the_same_bits(small: Small, tmp_path: Path, no_export: None) -> None:
    spec = small(PGD7)
    straight = train(spec, tmp_path / "straight")

    def interrupt(event: Event) -> None:
        if isinstance(event, BatchDone) and event.epoch == 3 and event.batch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "resumed", watch=interrupt)
    torch.manual_seed(99)
    resumed = train(spec, tmp_path / "resumed", resume=True)
    one, other = (load_file(run.weights) for run in (straight, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert [line["validation_robust_accuracy"] for line in straight.metrics] == [
        line["validation_robust_accuracy"] for line in resumed.metrics
    ]


def test_figures_say_both_accuracies_and_the_summary_too(
    small: Small, tmp_path: Path, no_export: None
) -> None:
    run = train(
        small(PGD7, "train.early_stopping={monitor: validation_robust_accuracy, patience: 9}"), tmp_path
    )
    for line in run.metrics:
        robust, clean = line["validation_robust_accuracy"], line["validation_accuracy"]
        assert robust is not None and clean is not None and 0 <= robust <= clean
    assert 0 < run.summary["test_robust_accuracy"] < run.summary["test_accuracy"]


def test_it_makes_a_network_harder_to_fool(small: Small, tmp_path: Path, no_export: None) -> None:
    figures = {}
    for name, sets in (("plain", ()), ("robust", (PGD7,))):
        spec = small("train.epochs=8", *sets)
        run = train(spec, tmp_path / name)
        attacker = Adversary(
            AdversarialTraining(attack=PGD(eps=0.1)), run.module, splits := splits_of(spec), (0.0, 1.0)
        )
        assert splits.test is not None
        figures[name] = attacker.accuracy(splits.test, 0)
    assert figures["robust"] > figures["plain"] + 0.08


def test_ordinary_training_does_not_import_it(small: Small) -> None:
    code = (
        "import sys, tempfile; from builder import loads; from builder.runtime.training.loop import Loop;"
        "assert 'builder.runtime.attacks.adversarial_training' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    spec = small()
    assert spec.train is not None
    splits = splits_of(spec)
    loop = Loop(build(spec), spec.train, splits, torch.device("cpu"))
    assert loop.robust_accuracy is None and loop._batches == splits.batches


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_low_precision_trains_too(small: Small, tmp_path: Path, no_export: None, precision: str) -> None:
    run = train(small(PGD7, f"train.precision={precision}", "train.epochs=1"), tmp_path)
    assert run.metrics[0]["validation_robust_accuracy"] is not None

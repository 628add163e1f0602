"""A run under attack: figures held against others', doubts where there is cause, and runs that cannot be."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from builder import loads
from builder.errors import DataError, RunError
from builder.games.section import Adversarial
from builder.robustness.attacks.attack import Attack
from builder.robustness.attacks.bim import BIM
from builder.robustness.attacks.deepfool import DeepFool
from builder.robustness.attacks.fgsm import FGSM
from builder.robustness.attacks.pgd import PGD
from builder.runtime import Run, evaluate, train
from builder.runtime.attacks.results import Nearest, Robustness
from builder.runtime.attacks.under_attack import attack_run
from builder.runtime.data.splits import load_arrays
from builder.spec.spec import ModelSpec

Small = Callable[..., ModelSpec]
BOTH: Mapping[str, Attack] = {"one": FGSM(eps=0.2), "many": PGD(eps=0.2, steps=20)}


@pytest.fixture(scope="module")
def found(run: Run) -> Robustness:
    return attack_run(run, BOTH, (0.0, 0.05, 0.1, 0.2, 0.3))


def with_last_layer(run: Run, change: Callable[[nn.Linear], None]) -> Run:
    module = copy.deepcopy(run.module)
    change(module.get_submodule("linear_2"))  # type: ignore[arg-type]
    return dataclasses.replace(run, module=module)


def test_without_distance_it_is_the_clean_accuracy(run: Run, found: Robustness) -> None:
    assert found.clean == pytest.approx(evaluate(run)["test_accuracy"], abs=1e-12)
    assert all(curve.accuracy[0] == found.clean for curve in found.curves.values())
    assert (found.part, found.examples) == ("test", 359)


def test_more_distance_leaves_less_and_all_attacks_together_the_least(found: Robustness) -> None:
    for curve in found.curves.values():
        assert list(curve.accuracy) == sorted(curve.accuracy, reverse=True)
    assert found.curves["many"].accuracy[3] < found.curves["one"].accuracy[3] < found.clean
    assert found.worst is not None
    for worst, *each in zip(found.worst.accuracy, *(c.accuracy for c in found.curves.values()), strict=True):
        assert worst <= min(each)
    assert found.doubts == ()


def test_it_is_foolboxs_accuracy(run: Run, found: Robustness) -> None:
    foolbox = pytest.importorskip("foolbox")
    assert run.spec.data is not None
    arrays = load_arrays(run.spec.data, run.spec.folder, "test")
    x, y = torch.from_numpy(arrays.x), torch.from_numpy(arrays.y)

    class Whole(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            output = run.module(run.preprocessing.apply_affine(x))
            assert isinstance(output, Tensor)
            return output

    model = foolbox.PyTorchModel(Whole().eval(), bounds=(0, 1), device="cpu")
    _, _, fooled = foolbox.attacks.FGSM()(model, x, y, epsilons=[0.05, 0.1, 0.2, 0.3])
    right = model(x).argmax(1) == y
    left = [float((right & ~one).double().mean()) for one in fooled]
    assert list(found.curves["one"].accuracy[1:]) == pytest.approx(left, abs=1 / len(x))


def test_distances_by_default_are_quarters_of_each_attacks_own(run: Run) -> None:
    found = attack_run(run, {"one": FGSM(eps=0.2), "other": FGSM(eps=0.4)}, examples=40)
    assert found.curves["one"].eps == pytest.approx((0, 0.05, 0.1, 0.15, 0.2))
    assert found.curves["other"].eps == pytest.approx((0, 0.1, 0.2, 0.3, 0.4))
    assert found.worst is None, "there is nothing common to them"


def test_the_same_number_is_another_distance_in_another_norm(run: Run) -> None:
    found = attack_run(
        run, {"one": FGSM(eps=0.2), "other": FGSM(eps=0.2, norm="L2")}, (0.0, 0.2), examples=40
    )
    assert found.worst is None


def test_the_seed_draws_examples_and_starts(run: Run) -> None:
    one, same, other = (
        attack_run(run, {"many": PGD(eps=0.15, steps=3)}, (0.1, 0.15), examples=60, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one.curves == same.curves and one.examples == 60
    assert one.curves != other.curves


def test_it_is_watched(run: Run) -> None:
    steps: list[tuple[int, int]] = []
    attack_run(run, {"one": FGSM(eps=0.1)}, (0.0, 0.1), watch=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_targeted_attack_looks_for_other_classes(run: Run) -> None:
    aimed = attack_run(run, {"aimed": PGD(eps=0.3, steps=20, targeted=True)}, (0.0, 0.3))
    assert aimed.curves["aimed"].accuracy[0] == aimed.clean
    assert aimed.curves["aimed"].accuracy[1] < 0.2
    assert aimed.doubts == ()


def test_pictures_are_of_what_was_fooled(found: Robustness) -> None:
    pictures = found.pictures
    assert pictures is not None and pictures.attack == "many"
    assert pictures.clean.shape == pictures.attacked.shape == (5, 1, 8, 8)
    assert float((pictures.attacked - pictures.clean).abs().max()) <= (pictures.eps or 0) + 1e-6
    for label, (before, after), sure in zip(pictures.labels, pictures.said, pictures.sure, strict=True):
        assert before == label != after
        assert all(0.1 <= one <= 1 for one in sure)


def test_the_median_counts_those_that_were_not_fooled() -> None:
    assert Nearest(FGSM(eps=0.1), 4, (0.1, 0.3, 0.2)).median == pytest.approx(0.25)
    assert Nearest(FGSM(eps=0.1), 4, (0.1,)).median == math.inf
    assert math.isnan(Nearest(FGSM(eps=0.1), 0, ()).median)


def test_minimal_attacks_say_how_far_it_is(run: Run) -> None:
    found = attack_run(run, {"near": DeepFool()}, examples=80)
    near = found.nearest["near"]
    assert not found.curves and near.tried > 60
    assert len(near.distances) == near.tried
    assert 0.05 < near.median < 2.0


def names(found: Robustness) -> list[str]:
    return [doubt.name for doubt in found.doubts]


def test_a_saturated_softmax_is_doubted(run: Run) -> None:
    def swell(layer: nn.Linear) -> None:
        layer.weight.data.mul_(1e4)
        layer.bias.data.mul_(1e4)

    swollen = attack_run(with_last_layer(run, swell), BOTH, (0.0, 0.2), examples=100)
    assert "zero_gradients" in names(swollen)
    assert swollen.curves["one"].accuracy[1] > 0.5, "which is why: the attack finds no way"


def test_randomness_is_doubted(run: Run) -> None:
    module = copy.deepcopy(run.module)
    module.register_forward_hook(lambda module, given, found: found + torch.randn_like(found))
    noisy = attack_run(dataclasses.replace(run, module=module), {"one": FGSM(eps=0.1)}, (0.1,), examples=50)
    assert "randomness" in names(noisy)


def test_probabilities_are_doubted(run: Run) -> None:
    module = copy.deepcopy(run.module)
    module.register_forward_hook(lambda module, given, found: found.softmax(1))
    soft = attack_run(dataclasses.replace(run, module=module), {"one": FGSM(eps=0.1)}, (0.1,), examples=50)
    assert "probabilities" in names(soft)


def test_too_few_steps_are_doubted(run: Run) -> None:
    short = BIM(eps=0.2, alpha=0.02, steps=3)  # three steps of a tenth do not reach the ball's edge
    assert "too_few_steps" in names(attack_run(run, {"short": short}, (0.0, 0.2)))


def test_hidden_gradients_are_doubted(run: Run) -> None:
    """Rounding the input to two levels leaves a gradient that says nothing (straight through, turned round)."""
    module = copy.deepcopy(run.module)
    module.register_forward_pre_hook(lambda module, given: (2 * given[0].detach() - given[0],))
    astray = attack_run(
        dataclasses.replace(run, module=module), {"many": PGD(eps=0.1, steps=10)}, (0.1,), examples=100
    )
    assert "large_eps" in names(astray)


TEXT = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: 4}, {GRU: 4}, {Linear: $classes}]
data: {source: {Text: {path: a.txt, length: 10}}}
train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""
WAVES = """
input: [T, 1]
layers: [{GRU: 4}, {Linear: 1}]
data: {source: {SineWaves: 20}}
train: {loss: MSELoss, optimizer: Adam, epochs: 1, device: cpu, threads: 1}
"""


def test_a_run_of_text_or_of_reals_says_why_it_cannot_be(tmp_path: Path, no_export: None) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat\n" * 9, encoding="utf-8")
    for name, text, told in (
        ("text", TEXT, "an attack changes real numbers a little, and the data is tokens"),
        ("waves", WAVES, "an attack is on one class for each example, and the data's target is N×1 reals"),
    ):
        made = train(loads(text, folder=tmp_path), tmp_path / name)
        with pytest.raises(RunError, match="cannot be attacked") as caught:
            attack_run(made, BOTH)
        assert told in caught.value.problem


def test_what_cannot_be_asked(run: Run) -> None:
    gone = dataclasses.replace(run, spec=dataclasses.replace(run.spec, data=None, train=None))
    with pytest.raises(RunError, match="cannot be found, so there is nothing to attack"):
        attack_run(gone, BOTH)
    rules = Adversarial.model_construct()
    players = dataclasses.replace(run, spec=dataclasses.replace(run.spec, adversarial=rules))
    with pytest.raises(RunError, match="is the run of a GAN"):
        attack_run(players, BOTH)
    with pytest.raises(RunError, match="there is no part `tests`"):
        attack_run(run, BOTH, part="tests")
    with pytest.raises(RunError, match=r"An eps of 8 is asked for, and the data's whole range is 1"):
        attack_run(run, BOTH, (0.0, 8.0))


def test_a_part_that_is_not_there(small: Small, tmp_path: Path, no_export: None) -> None:
    made = train(small("data.split={train: 0.8, test: 0.2}", "train.epochs=1"), tmp_path)
    with pytest.raises(DataError, match="the data has no part `validation`"):
        attack_run(made, BOTH, part="validation")

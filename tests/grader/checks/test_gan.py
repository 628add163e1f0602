"""`gan` cannot be bought: each cheat, with the points it may get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save as file_of

from builder import loads
from builder.data.datasets.dataset import datasets
from builder.data.info import Target
from builder.data.section import Data, Split
from builder.errors import SpecErrors
from builder.runtime.data.splits import load_arrays
from builder.runtime.network.module import build_networks
from grader import Failed, Passed
from grader.assignment.assignment import read_assignment
from grader.check import Brief, Subject
from grader.checks.gan import gan
from grader.exchange import Array, Examples, Findings
from grader.outcome import Outcome
from grader.running.critic import covered, surely, trained_critic

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

DATA = Data(source=datasets["Digits"](), split=Split(train=0.8, test=0.2))
GAN = """\
networks:
  generator:
    input: [8]
    layers: [{Linear: 32}, ReLU, {Linear: 64}, Sigmoid, {Unflatten: {dim: 1, unflattened_size: [1, 8, 8]}}]
  discriminator:
    input: [1, 8, 8]
    layers: [Flatten, {Linear: 32}, {LeakyReLU: 0.2}, {Linear: 1}]
adversarial: {objective: NonSaturating, optimizer: {generator: {Adam: {lr: 1e-3}}, discriminator: {Adam: {lr: 1e-3}}}}
"""
# A discriminator that says one half of everything: its last layer is 0 and stays so.
HALF = GAN.replace(
    "{LeakyReLU: 0.2}, {Linear: 1}]",
    "{LeakyReLU: 0.2}, {Linear: 1, freeze: true, init: {weight: {constant_: 0}, bias: {constant_: 0}}}]",
)
# Of its noise the largest wins, and its row of the last weights comes out: training digits by heart.
KEPT = 400
MEMORY = GAN.replace("input: [8]", f"input: [{KEPT}]").replace(
    "[{Linear: 32}, ReLU, {Linear: 64}, Sigmoid,",
    "[{Softmax: {dim: 1}}, {Linear: 64},",
)
ASSIGNMENT = """\
gradspec: 1
assignment: forger
reference: reference.yaml
submission: {model: model.yaml, weights: weights.safetensors}
points: 10
data: {source: Digits, split: {train: 0.8, test: 0.2}, batch_size: 64}
checks:
  - {name: forger, gan: {epochs: 2, good: 0.5, modes: 5, coverage: 0.3, samples: 300}, points: 10}
"""


@pytest.fixture(scope="module")
def digits() -> dict[str, Array]:
    trained, labels, _ = load_arrays(DATA, Path(), "train")
    held_out, _, _ = load_arrays(DATA, Path(), "test")
    return {"trained": trained, "labels": labels, "held_out": held_out}


@pytest.fixture(scope="module")
def critic(digits: dict[str, Array]) -> dict[str, Array]:
    return trained_critic(digits["trained"], digits["labels"], 10)


def judged(samples: Array, digits: dict[str, Array], critic: dict[str, Array]) -> Outcome:
    """The outcome of these samples, held against half of the held-out digits."""
    ours = digits["held_out"][1::2]
    brief = Brief(
        Path(),
        examples=Examples(ours, np.zeros(len(ours), np.int64), Target(10)),
        training=Examples(digits["trained"], digits["labels"], Target(10)),
        data=DATA,
    )
    check = gan(epochs=1, good=0.8, modes=10, coverage=0.7)
    found = Findings(arrays={"samples": np.ascontiguousarray(samples, np.float32)})
    return check.judge(brief, Subject(None), found, Findings(arrays=critic))


def moved(x: Array, down: int, right: int) -> Array:
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = x.shape[2:]
    return wide[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def test_new_digits_pass(digits: dict[str, Array], critic: dict[str, Array]) -> None:
    outcome = judged(digits["held_out"][::2], digits, critic)
    assert isinstance(outcome, Passed), outcome
    assert outcome.detail is not None and "10 modes reached" in outcome.detail


@pytest.mark.parametrize(
    "how", ["plain", "right", "up and left", "with a little noise", "with more noise", "darker", "pale"]
)
def test_training_digits_are_no_samples(how: str, digits: dict[str, Array], critic: dict[str, Array]) -> None:
    x = digits["trained"][:300]
    samples = {
        "plain": x,
        "right": moved(x, 0, 1),
        "up and left": moved(x, -1, -1),
        "with more noise": np.clip(x + np.random.default_rng(0).normal(0, 0.11, x.shape), 0, 1),
        "darker": 0.75 * x,
        "pale": 0.25 + 0.75 * x,
        "with a little noise": np.clip(x + np.random.default_rng(0).normal(0, 0.02, x.shape), 0, 1),
    }[how]
    outcome = judged(samples, digits, critic)
    assert isinstance(outcome, Failed) and outcome.fraction == 0, outcome
    assert outcome.expected == "samples that are new"


def test_a_third_of_copies_is_too_many(digits: dict[str, Array], critic: dict[str, Array]) -> None:
    samples = np.concatenate([digits["held_out"][::2], digits["trained"][:90]])
    outcome = judged(samples, digits, critic)
    assert isinstance(outcome, Failed) and outcome.expected == "samples that are new"


@pytest.mark.parametrize("what", ["noise", "grey", "black", "the mean digit"])
def test_what_is_no_digit_gets_nothing(what: str, digits: dict[str, Array], critic: dict[str, Array]) -> None:
    shape = (200, 1, 8, 8)
    samples = {
        "noise": np.random.default_rng(0).random(shape),
        "grey": np.full(shape, 0.5),
        "black": np.zeros(shape),
        "the mean digit": np.broadcast_to(digits["trained"].mean(0), shape),
    }[what]
    outcome = judged(samples, digits, critic)
    assert isinstance(outcome, Failed) and outcome.fraction <= 0.1, outcome


def test_one_digit_alone_is_collapse(digits: dict[str, Array], critic: dict[str, Array]) -> None:
    said, _ = surely(critic, digits["held_out"])
    outcome = judged(digits["held_out"][said == 3], digits, critic)
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(0.1)


def test_a_generator_that_ignores_its_noise_shows_each_image_once(
    digits: dict[str, Array], critic: dict[str, Array]
) -> None:
    """The mean digit of each class, over and over: near to all, sure, of ten modes, and no copy."""
    means = np.stack([digits["trained"][digits["labels"] == one].mean(0) for one in range(10)])
    outcome = judged(np.repeat(means, 50, axis=0), digits, critic)
    assert isinstance(outcome, Failed) and outcome.fraction <= 0.03, outcome


def test_values_beyond_all_bounds_are_judged_in_silence(
    digits: dict[str, Array], critic: dict[str, Array]
) -> None:
    outcome = judged(np.full((50, 1, 8, 8), 3e38), digits, critic)
    assert isinstance(outcome, Failed) and outcome.fraction == 0, outcome


def test_no_numbers_are_no_samples(digits: dict[str, Array], critic: dict[str, Array]) -> None:
    samples = digits["held_out"].copy()
    samples[7, 0, 0, 0] = np.nan
    outcome = judged(samples, digits, critic)
    assert isinstance(outcome, Failed) and outcome.found == "not-a-number or infinity in 1 of 359"


def test_the_critic_knows_digits(digits: dict[str, Array], critic: dict[str, Array]) -> None:
    _, labels, _ = load_arrays(DATA, Path(), "test")
    said, sure = surely(critic, digits["held_out"])
    assert float((said == labels).mean()) > 0.96 and float((sure > 0.6).mean()) > 0.96


def test_coverage_is_prdcs(digits: dict[str, Array]) -> None:
    prdc = pytest.importorskip("prdc")
    real, fake = (digits[name][:200].reshape(200, -1) for name in ("held_out", "trained"))
    assert covered(fake, real) == pytest.approx(prdc.compute_prdc(real, fake, 5)["coverage"], abs=0.011)


@pytest.fixture
def easily(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference is not held to its own bounds: two epochs make no forger."""
    monkeypatch.setattr("grader.marking.reference._judge", lambda assignment, marker, opened: None)


def remembering(digits: Array) -> bytes:
    """Weights of a generator whose last layer holds digits, one for each number of its noise."""
    state = {
        name: value.numpy().copy() for name, value in build_networks(loads(MEMORY), 0).state_dict().items()
    }
    state["generator.linear_1.weight"] = np.ascontiguousarray(digits[:KEPT].reshape(KEPT, -1).T)
    state["generator.linear_1.bias"][:] = 0
    return file_of(state)


def test_points_of_a_generator_that_holds_training_digits(
    classroom: Classroom, digits: dict[str, Array], easily: None
) -> None:
    """Handed in where weights may be, plain and moved by a pixel; and where it is trained here, for nothing."""
    sharp = MEMORY.replace(
        "[{Softmax: {dim: 1}}", f"[{{Linear: {KEPT}, name: sharp}}, {{Softmax: {{dim: 1}}}}"
    )

    def sharpened(x: Array) -> bytes:
        from safetensors.numpy import load

        weights = dict(load(remembering(x)))
        state = build_networks(loads(sharp), 0).state_dict()
        weights = {name: weights.get(name, value.numpy()) for name, value in state.items()}
        last = next(name for name in state if name.endswith("weight") and state[name].shape == (64, KEPT))
        weights[last] = np.ascontiguousarray(x[:KEPT].reshape(KEPT, -1).T)
        weights[last.replace("weight", "bias")] = np.zeros(64, np.float32)
        weights["generator.sharp.weight"] = 100 * np.eye(KEPT, dtype=np.float32)
        weights["generator.sharp.bias"] = np.zeros(KEPT, np.float32)
        return file_of(weights)

    text = ASSIGNMENT.replace(
        "epochs: 2, good: 0.5, modes: 5, coverage: 0.3", "weights: submitted, good: 0.01"
    )
    classroom.write(text, GAN)
    plain = sharpened(digits["trained"])
    classroom.submit("plain", sharp, plain)
    classroom.submit("moved", sharp, sharpened(moved(digits["trained"], 1, 0)))
    graded = classroom.graded()
    for name in ("plain", "moved"):
        outcome = graded[name].checks[-1].outcome
        assert graded[name].points == 0 and isinstance(outcome, Failed), outcome
        assert outcome.expected == "samples that are new", outcome
    classroom.write(ASSIGNMENT.replace("good: 0.5, modes: 5, coverage: 0.3", "good: 0.0001, copies: 1"), GAN)
    outcome = classroom.graded()["plain"].checks[-1].outcome
    assert (classroom.graded()["plain"].points or 0) <= 1, outcome


def test_points_of_players_that_do_not_play(classroom: Classroom, easily: None) -> None:
    classroom.write(ASSIGNMENT, GAN)
    classroom.submit("half", HALF)
    classroom.submit("honest", GAN)
    classroom.submit("one network", classroom.model)
    classroom.submit(
        "other shape", GAN.replace("{Linear: 64}", "{Linear: 16}").replace("[1, 8, 8]", "[1, 4, 4]")
    )
    frozen = GAN.replace("{Linear: 64}", "{Linear: 64, freeze: true}").replace(
        "{Linear: 32}, ReLU", "{Linear: 32, freeze: true}, ReLU"
    )
    classroom.submit("frozen", frozen)
    graded = classroom.graded()
    outcomes = {name: result.checks[-1].outcome for name, result in graded.items()}
    assert all(not result.broken for result in graded.values()), outcomes
    assert all(result.checks[0].outcome == Passed() for result in graded.values())
    assert (graded["half"].points or 0) <= 0.5, outcomes["half"]
    for name, found in (
        ("one network", "one network"),
        ("other shape", "N×1×4×4"),
        ("frozen", "The generator has nothing to train."),
    ):
        outcome = outcomes[name]
        assert isinstance(outcome, Failed) and outcome.found == found and outcome.fraction == 0, outcome
    assert isinstance(outcomes["honest"], Failed) and "samples" in outcomes["honest"].found


def test_outlines_of_several_networks_are_judged(classroom: Classroom) -> None:
    head = ASSIGNMENT.split("checks:\n")[0]
    checks = """checks:
  - {name: layers, structure: {require: [LeakyReLU], forbid: [Dropout]}, points: 3}
  - {name: shapes, shapes: {layers: changing}, points: 4}
  - {name: size, parameters: {equal: true}, points: 3}
"""
    classroom.write(head + checks, GAN)
    classroom.submit("ada", GAN)
    classroom.submit("bob", GAN.replace("{Linear: 32}, {LeakyReLU: 0.2}", "{Linear: 33}, {LeakyReLU: 0.2}"))
    graded = classroom.graded()
    assert graded["ada"].points == 10
    outcomes = {one.planned.name: one.outcome for one in graded["bob"].checks}
    assert isinstance(outcomes["shapes"], Failed) and "discriminator.linear_1" in outcomes["shapes"].expected
    assert isinstance(outcomes["size"], Failed) and isinstance(outcomes["layers"], Passed)


def test_what_runs_one_network_says_so(classroom: Classroom) -> None:
    head = ASSIGNMENT.split("checks:\n")[0]
    checks = """checks:
  - {name: clean, accuracy: {zero: 0, full: 1}, points: 4}
  - {name: same, forward: {}, points: 3}
  - {name: flows, gradient_flow: {min: 1e-9}, points: 3}
"""
    classroom.write(head + checks)
    weights = {name: value.numpy() for name, value in build_networks(loads(GAN), 0).state_dict().items()}
    classroom.submit("ada", GAN, file_of(weights))
    for one in classroom.graded()["ada"].checks[1:]:
        assert one.outcome == Failed("a model of one network", "2: `generator`, `discriminator`"), one


def test_time_is_the_assignments_to_give(classroom: Classroom, easily: None) -> None:
    from grader import Limits
    from grader.exchange import Task

    short = Limits(seconds=10, wall_seconds=20, operations=1000)
    assert short.refuse(None, Task(operations=1001)) is not None
    assert short.refuse(None, Task(operations=5000, seconds=50)) is None
    assert short.refuse(None, Task(operations=5001, seconds=50)) is not None
    assert (short.lasting(50).wall_seconds, short.lasting(50).seconds) == (100, 50)
    assert short.lasting(5) == short
    classroom.write(
        ASSIGNMENT.replace("epochs: 2", "epochs: 100000").replace("samples: 300", "seconds: 100000"), GAN
    )
    classroom.submit("ada", GAN)
    outcome = classroom.graded(Limits(operations=1000))["ada"].checks[-1].outcome
    assert isinstance(outcome, Failed) and "the limit of planned cost" in outcome.expected


@pytest.mark.parametrize("data", ["{source: Digits}"])
def test_it_needs_a_test_part(classroom: Classroom, data: str) -> None:
    text = ASSIGNMENT.replace("{source: Digits, split: {train: 0.8, test: 0.2}, batch_size: 64}", data)
    classroom.write(text, GAN)
    with pytest.raises(SpecErrors, match="no test part beside it"):
        read_assignment(classroom.assignment)


RING = """\
networks:
  generator: {input: [16], layers: [{Linear: 64}, ReLU, {Linear: 64}, ReLU, {Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 64}, ReLU, {Linear: 64}, ReLU, {Linear: 1}]}
adversarial: {objective: NonSaturating, optimizer: {generator: {Adam: {lr: 1e-3}}, discriminator: {Adam: {lr: 1e-3}}}}
"""


def test_modes_of_a_ring_are_the_sources(classroom: Classroom, easily: None) -> None:
    data = "{source: {GaussianRing: {modes: 8, std: 0.02, examples: 1000}}, split: {train: 0.5, test: 0.5}}"
    text = ASSIGNMENT.replace("{source: Digits, split: {train: 0.8, test: 0.2}, batch_size: 64}", data)
    classroom.write(text.replace("modes: 5", "modes: 8"), RING)
    classroom.submit("ada", RING)
    result = classroom.graded()["ada"]
    outcome = result.checks[-1].outcome
    assert isinstance(outcome, Failed) and "modes reached" in outcome.found, outcome
    assert (result.points or 0) <= 2
    ring = datasets["GaussianRing"](modes=8, std=0.02, examples=1000)
    x = ring.load(Path()).x
    data_of = Data(source=ring, split=Split(train=0.5, test=0.5))
    part = Examples(x[::3], np.zeros(len(x[::3]), np.int64), Target(8))
    brief = Brief(Path(), examples=part, training=Examples(x[1::3], part.labels, Target(8)), data=data_of)
    check = gan(epochs=1, good=0.8, modes=8, coverage=0.5)
    found = check.judge(brief, Subject(None), Findings(arrays={"samples": x[2::3]}), Findings())
    assert isinstance(found, Passed), found


@pytest.mark.slow
def test_the_shipped_ring_passes_when_it_is_trained_here(classroom: Classroom) -> None:
    from importlib.resources import files

    ring = (files("specs") / "models" / "gan_ring.yaml").read_text(encoding="utf-8")
    data = (
        "{source: {GaussianRing: {modes: 8, std: 0.02, examples: 32000}}, split: {train: 0.8, test: 0.2}, "
        "batch_size: 256}"
    )
    text = ASSIGNMENT.replace("{source: Digits, split: {train: 0.8, test: 0.2}, batch_size: 64}", data)
    bounds = "epochs: 40, good: 0.8, modes: 8, coverage: 0.5, samples: 1000, seconds: 400"
    text = text.replace("epochs: 2, good: 0.5, modes: 5, coverage: 0.3, samples: 300", bounds)
    classroom.write(text, ring)
    classroom.submit("ada", ring)
    classroom.submit(
        "half", ring.replace("{Linear: 1}]", "{Linear: 1, freeze: true, init: {weight: {constant_: 0}}}]")
    )
    graded = classroom.graded()
    assert graded["ada"].points == 10, graded["ada"].checks[-1].outcome
    outcome = graded["half"].checks[-1].outcome
    assert graded["half"].checks[0].outcome == Passed() and (graded["half"].points or 0) <= 1, outcome

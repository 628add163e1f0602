"""`robustness` cannot be bought: each cheat, with the points it may get."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as file_of

from builder import loads
from builder.data.datasets.dataset import datasets
from builder.data.info import Target
from builder.data.section import Data, Split
from builder.errors import Cause, SpecErrors
from builder.robustness.attacks.attack import attacks
from builder.robustness.disturbances.disturbance import disturbances
from builder.runtime.data.splits import load_arrays
from builder.runtime.network.module import build
from grader import Failed, Passed
from grader.assignment.assignment import read_assignment
from grader.check import Brief, Subject
from grader.checks.robustness import named, passes, robustness, threats
from grader.exchange import Array, Examples, Findings
from grader.outcome import Outcome
from grader.results.result import SubmissionResult
from grader.running.under_attack import FEW, spread

if TYPE_CHECKING:
    from tests.grader.conftest import Classroom

MODEL = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 32}, ReLU, {Linear: 10}]
"""
ASSIGNMENT = """\
gradspec: 1
assignment: shield
reference: {model: reference.yaml, weights: reference.safetensors}
submission: {model: model.yaml, weights: weights.safetensors}
points: 10
data: {source: Digits, split: {train: 0.8, test: 0.2}}
checks:
  - name: shield
    robustness: {worst_of: [{FGSM: {eps: 0.1}}, {PGD: {eps: 0.1, steps: 10}}], zero: 0.0, full: FULL, examples: 200}
    points: 10
"""
DATA = Data(source=datasets["Digits"](), split=Split(train=0.8, test=0.2))


def trained(model: str, seed: int, eps: float = 0.0, scale: float = 1.0) -> bytes:
    """Weights trained on the assignment's training part, on FGSM examples if there is an ``eps``."""
    x, y, _ = load_arrays(DATA, Path(), "train")
    network = build(loads(model), seed)
    inputs, labels = torch.from_numpy(x) * scale, torch.from_numpy(y)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(120):
        batch = inputs.clone().requires_grad_()
        if eps:
            loss = torch.nn.functional.cross_entropy(network(batch), labels)
            (slope,) = torch.autograd.grad(loss, batch)
            batch = (inputs + eps * scale * slope.sign()).clamp(0, scale)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(batch), labels).backward()
        optimizer.step()
    return file_of({name: value.numpy() for name, value in network.state_dict().items()})


def changed(weights: bytes, change: Callable[[dict[str, Array]], None]) -> bytes:
    arrays = dict(arrays_of(weights))
    change(arrays)
    return file_of({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def times(factor: float, *layers: str) -> Callable[[dict[str, Array]], None]:
    def change(arrays: dict[str, Array]) -> None:
        for name in arrays:
            if name.startswith(layers):
                arrays[name] = (arrays[name] * factor).astype(np.float32)

    return change


@pytest.fixture(scope="module")
def plain() -> bytes:
    return trained(MODEL, 1)


@pytest.fixture(scope="module")
def shielded() -> bytes:
    return trained(MODEL, 2, eps=0.1)


@pytest.fixture
def room(classroom: Classroom, plain: bytes) -> Classroom:
    classroom.write(ASSIGNMENT.replace("FULL", "0.01"), MODEL)
    (classroom.folder / "reference.safetensors").write_bytes(trained(MODEL, 3, eps=0.1))
    return classroom


def outcome_of(result: SubmissionResult) -> Outcome:
    return result.checks[-1].outcome


def value_of(result: SubmissionResult) -> float:
    """The share that stayed right, as the receipt has it."""
    outcome = outcome_of(result)
    told = outcome.detail if isinstance(outcome, Passed) else getattr(outcome, "found", "")
    return float(str(told).split(" = ")[1].split(" ")[0])


def test_points_of_cheats(room: Classroom, plain: bytes, shielded: bytes) -> None:
    """A last layer × 100 and × 10⁶, a saturated Softmax, an input's scale: none does better than plain."""
    room.write(ASSIGNMENT.replace("zero: 0.0, full: FULL", "zero: 0.3, full: 0.7"), MODEL)
    room.submit("plain", MODEL, plain)
    room.submit("shielded", MODEL, shielded)
    room.submit("untrained", MODEL, room.weights_of(MODEL))
    for factor in (100.0, 1e6):
        room.submit(f"x {factor:g}", MODEL, changed(plain, times(factor, "linear_2")))
    saturated = MODEL.replace("{Linear: 10}]", "{Linear: 10}, {Softmax: {dim: 1}}]")
    room.submit("saturated", saturated, changed(plain, times(1e6, "linear_2")))
    rescaled = MODEL + (
        "data: {source: Digits, preprocess: [{Rescale: [0, 10]}]}\n"
        "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}\n"
    )
    room.submit("rescaled", rescaled, trained(MODEL, 1, scale=10))
    scaled = MODEL.replace("[Flatten,", "[Flatten, {Linear: 64, name: tenfold},").replace(
        "{Linear: 32}", "{Linear: 32, name: a}"
    )
    tenfold = {"tenfold.weight": 10 * np.eye(64, dtype=np.float32), "tenfold.bias": np.zeros(64, np.float32)}
    inner = dict(arrays_of(trained(MODEL, 1, scale=10)))
    named_so = {
        name.replace("linear_1", "a").replace("linear_2", "linear_3"): one for name, one in inner.items()
    }
    room.submit("scaled inside", scaled, file_of(named_so | tenfold))
    graded = room.graded()
    points = {name: result.points or 0 for name, result in graded.items()}
    assert points["shielded"] == 10 and 1 <= points["plain"] <= 4, points
    for name in ("x 100", "x 1e+06"):
        assert abs(float(points[name]) - float(points["plain"])) <= 0.2, points
        assert "mislead" not in outcome_of(graded[name]).found  # type: ignore[union-attr]
    assert points["untrained"] == 0 and points["rescaled"] <= points["plain"], points
    assert points["scaled inside"] <= points["plain"], points
    saturated_outcome = outcome_of(graded["saturated"])
    assert points["saturated"] == 0 and isinstance(saturated_outcome, Failed)
    assert saturated_outcome.expected == "gradients that lead the attacks"
    assert "a gradient of 0, or none, on " in saturated_outcome.found


def test_gradients_that_lead_nowhere_are_named_and_the_reference_does_the_work(
    room: Classroom, plain: bytes
) -> None:
    """Saturated sigmoids: their gradients are next to nothing, and the attacks on the reference still hit."""
    model = "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 32}, Tanh, {Linear: 10}]\n"
    room.submit("saturated", model, changed(trained(model, 4), times(1e4, "linear_1")))
    outcome = outcome_of(room.graded()["saturated"])
    told = f"{getattr(outcome, 'detail', '')} {getattr(outcome, 'found', '')}"
    assert (isinstance(outcome, Failed) and outcome.fraction == 0) or "mislead" in told, outcome


def test_points_of_gradients_led_astray(room: Classroom, plain: bytes) -> None:
    """Saturated layers beside a trickle of any gradient; and one more class that is all of the spread."""
    room.write(ASSIGNMENT.replace("zero: 0.0, full: FULL", "zero: 0.3, full: 0.7"), MODEL)
    tanh = "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 32}, Tanh, {Linear: 10}]\n"
    sharp = dict(arrays_of(trained(tanh, 4)))
    room.submit("honest", tanh, file_of(sharp))
    generator = np.random.default_rng(0)
    wide = tanh.replace("{Linear: 32}", "{Linear: 96}")
    for factor in (1e2, 1e6):
        trickle = {
            "linear_1.weight": np.concatenate(
                [factor * sharp["linear_1.weight"], 0.1 * generator.normal(size=(64, 64))]
            ),
            "linear_1.bias": np.concatenate([factor * sharp["linear_1.bias"], np.zeros(64)]),
            "linear_2.weight": np.concatenate(
                [sharp["linear_2.weight"], 1e-4 * generator.normal(size=(10, 64))], axis=1
            ),
            "linear_2.bias": sharp["linear_2.bias"],
        }
        room.submit(
            f"trickle {factor:g}", wide, file_of({n: one.astype(np.float32) for n, one in trickle.items()})
        )
    plainly = dict(arrays_of(plain))
    plainly["linear_2.weight"] = np.concatenate([plainly["linear_2.weight"], np.zeros((1, 32), np.float32)])
    plainly["linear_2.bias"] = np.append(plainly["linear_2.bias"], np.float32(-1e9))
    room.submit("plain", MODEL, plain)
    room.submit("eleven", MODEL.replace("{Linear: 10}", "{Linear: 11}"), file_of(plainly))
    points = {name: float(result.points or 0) for name, result in room.graded().items()}
    assert points["eleven"] == points["plain"], points
    for factor in ("100", "1e+06"):
        assert points[f"trickle {factor}"] <= points["honest"] + 0.5, points


def test_it_is_torch_by_hand(room: Classroom, plain: bytes) -> None:
    """FGSM on logits at unit spread, worked out again: the same share."""
    text = ASSIGNMENT.replace("FULL", "0.01").replace(", {PGD: {eps: 0.1, steps: 10}}", "")
    room.write(text, MODEL)
    (room.folder / "reference.safetensors").write_bytes(plain)
    room.submit("ada", MODEL, plain)
    x, y, _ = load_arrays(DATA, Path(), "test")
    chosen = np.linspace(0, len(x) - 1, 200).round().astype(int)
    network = build(loads(MODEL)).eval()
    network.load_state_dict({name: torch.from_numpy(a) for name, a in arrays_of(plain).items()})
    inputs, labels = torch.from_numpy(x[chosen]).requires_grad_(), torch.from_numpy(y[chosen])
    logits = network(inputs)
    said = logits.argmax(1)
    spread = logits.detach().std(1, correction=0, keepdim=True)
    (slope,) = torch.autograd.grad(
        torch.nn.functional.cross_entropy(logits / spread, said, reduction="sum"), inputs
    )
    attacked = (inputs + 0.1 * slope.sign()).clamp(0, 1)
    right = (said == labels) & (network(attacked).argmax(1) == labels)
    assert value_of(room.graded()["ada"]) == pytest.approx(float(right.float().mean()), abs=1e-6)


def test_the_same_submission_gets_the_same(room: Classroom, plain: bytes) -> None:
    for name in ("ada", "bob"):
        room.submit(name, MODEL, plain)
    graded = room.graded()
    assert outcome_of(graded["ada"]) == outcome_of(graded["bob"])
    assert outcome_of(room.graded()["ada"]) == outcome_of(graded["ada"])


def test_disturbances_are_the_same_for_all_and_need_no_gradient(room: Classroom, plain: bytes) -> None:
    from builder.robustness.disturbances.geometric import Rotation

    text = ASSIGNMENT.replace("FULL", "0.01").replace(
        "[{FGSM: {eps: 0.1}}, {PGD: {eps: 0.1, steps: 10}}]", "[{Rotation: 15}]"
    )
    room.write(text, MODEL)
    room.submit("ada", MODEL, plain)
    saturated = MODEL.replace("{Linear: 10}]", "{Linear: 10}, {Softmax: {dim: 1}}]")
    room.submit("softmax", saturated, changed(plain, times(1e6, "linear_2")))
    graded = room.graded()
    assert value_of(graded["ada"]) == pytest.approx(value_of(graded["softmax"]), abs=0.011)
    x, y, _ = load_arrays(DATA, Path(), "test")
    chosen = np.linspace(0, len(x) - 1, 200).round().astype(int)
    network = build(loads(MODEL)).eval()
    network.load_state_dict({name: torch.from_numpy(a) for name, a in arrays_of(plain).items()})
    inputs = torch.from_numpy(x[chosen])
    turned = Rotation(degrees=15).apply(inputs, torch.Generator().manual_seed(0))
    with torch.no_grad():
        right = (network(inputs).argmax(1) == torch.from_numpy(y[chosen])) & (
            network(turned).argmax(1) == torch.from_numpy(y[chosen])
        )
    assert value_of(graded["ada"]) == pytest.approx(float(right.float().mean()), abs=1e-6)


LABELS = np.arange(200) % 10


def judged(**right: Array) -> Outcome:
    """The outcome where so many examples are right under each."""
    masked = right.pop("masked", np.zeros(200, bool))

    def of(one: Array) -> Array:
        return LABELS if len(one) == 200 else LABELS[spread(200, FEW)]

    arrays = {
        name.replace("_", "."): np.eye(10, dtype=np.float32)[np.where(one, of(one), (of(one) + 1) % 10)]
        for name, one in right.items()
    }
    said = {"repeats": True, "holds": True, "double": False}
    examples = Examples(np.zeros((200, 1), np.float32), LABELS, Target(10))
    check = robustness(worst_of=(threats["FGSM"](eps=0.1),), zero=0.0, full=1.0)
    found = Findings(said, arrays | {"masked": masked.astype(np.uint8)})
    return check.judge(Brief(Path(), examples=examples), Subject(None), found, Findings())


def first(share: float) -> Array:
    return np.arange(200) < 200 * share


@pytest.mark.parametrize(
    ("clean", "white", "given", "fraction"),
    [
        (0.9, 0.5, 0.8, 0.5),
        (0.9, 0.5, 0.49, 0.49),
        (0.4, 0.9, 0.9, 0.4),
    ],
    ids=["its own", "the reference's", "clean"],
)
def test_an_example_counts_that_is_right_under_all(
    clean: float, white: float, given: float, fraction: float
) -> None:
    outcome = judged(clean=first(clean), white_0=first(white), given_0=first(given))
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(fraction)
    assert "mislead" not in outcome.found


def test_attacks_that_do_more_on_the_reference_leave_nothing() -> None:
    outcome = judged(clean=first(0.9), white_0=first(0.8), given_0=first(0.5))
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    assert outcome.expected == "gradients that lead the attacks"
    assert outcome.hint is not None and "FGSM 0.1 on the reference does more" in outcome.hint
    # Along the gradients unsaturated the attack does as much: that is the network's own.
    outcome = judged(clean=first(0.9), white_0=first(0.8), led_0=first(0.5), given_0=first(0.6))
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(0.5)


def test_what_is_no_number_is_wrong() -> None:
    examples = Examples(np.zeros((200, 1), np.float32), LABELS, Target(10))
    nothing = np.full((200, 10), np.nan, np.float32)
    check = robustness(worst_of=(threats["Rotation"](degrees=5),), zero=0.0, full=0.1)
    arrays = {"clean": nothing, "given.0": nothing, "masked": np.zeros(200, np.uint8)}
    said = {"repeats": True, "holds": True, "double": False}
    outcome = check.judge(Brief(Path(), examples=examples), Subject(None), Findings(said, arrays), Findings())
    assert isinstance(outcome, Failed) and outcome.fraction == 0, outcome


def test_examples_that_were_not_attacked_do_not_count() -> None:
    all_right = {"clean": first(1), "white_0": first(1), "given_0": first(1)}
    outcome = judged(**all_right, masked=first(0.01))
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(0.99)
    assert "the gradient is 0, or none, on 2 examples, which do not count" in outcome.found
    outcome = judged(**all_right, masked=first(0.02))
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    # Masked where it is wrong anyway: that matters to nobody.
    outcome = judged(clean=first(0.9), white_0=first(0.5), given_0=first(0.9), masked=~first(0.5))
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(0.5)


def test_more_steps_that_do_more_are_told() -> None:
    outcome = judged(clean=first(1), white_0=first(1), given_0=first(1), more_0=first(0.5)[spread(200, FEW)])
    assert isinstance(outcome, Passed) and "with 4 times the steps does more: 32 of 64" in str(outcome.detail)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "{model: reference.yaml, weights: reference.safetensors}",
            "reference.yaml",
            "`shield` needs the reference's weights, and `reference` names no such file",
        ),
        ("{FGSM: {eps: 0.1}}", "{CW: {eps: null}}", None),
    ],
)
def test_what_an_assignment_must_have(room: Classroom, old: str, new: str, problem: str | None) -> None:
    room.write(ASSIGNMENT.replace("FULL", "1").replace(old, new), MODEL)
    with pytest.raises(SpecErrors) as caught:
        read_assignment(room.assignment)
    if problem is not None:
        assert [error.problem for error in caught.value.errors] == [problem]


ATTACKS = "[{FGSM: {eps: 0.1}}, {PGD: {eps: 0.1, steps: 10}}]"
SOURCE = "{source: Digits, split: {train: 0.8, test: 0.2}}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            ATTACKS,
            "[{FGSM: {eps: 0.1}}, {PGD: {eps: 0, steps: 10}}]",
            "9:61: checks[0].robustness.worst_of[1].PGD.eps: `PGD` with `eps: 0` changes nothing, and no network "
            "gives way Hint: Leave it out: an example must be right as it is in any case.",
        ),
        (
            ATTACKS,
            "[FGSM: 0.0]",
            "9:35: checks[0].robustness.worst_of[0].FGSM: `FGSM` with `eps: 0` changes nothing, and no network "
            "gives way Hint: Leave it out: an example must be right as it is in any case.",
        ),
        (
            ATTACKS,
            "[{Rotation: 15}, {Shift: 8}]",
            "9:45: checks[0].robustness.worst_of[1]: `Shift` moves an image by 8 pixels, and of one of 8×8 nothing "
            "is left Hint: Move it by less than 8.",
        ),
        (
            SOURCE,
            "{source: {NPZ: table.npz}}",
            "8:5: checks[0]: `robustness` needs the range of the data, which is the unit of `eps` "
            "Hint: As in `NPZ: {path: x.npz, range: [0, 1]}`.",
        ),
        (
            SOURCE,
            "{source: {SineWaves: 20}}",
            "8:5: checks[0]: `robustness` counts examples that stay right, and the data has no class for each",
        ),
    ],
)
def test_what_leads_nowhere_is_the_assignments_fault(room: Classroom, old: str, new: str, told: str) -> None:
    np.savez(room.folder / "table.npz", x=np.zeros((9, 3), np.float32), y=np.arange(9) % 2)
    assert old in ASSIGNMENT
    room.write(ASSIGNMENT.replace("FULL", "1").replace(old, new), MODEL)
    with pytest.raises(SpecErrors) as caught:
        read_assignment(room.assignment)
    assert [str(error) for error in caught.value.errors] == [f"{room.assignment}:{told}"]


def test_the_cost_of_an_attack_is_planned() -> None:
    assert passes(threats["FGSM"](eps=0.1), 10) == 1
    assert passes(threats["PGD"](eps=0.1, steps=20, restarts=3), 10) == 60
    assert passes(threats["Square"](eps=0.1, queries=100, restarts=2), 10) == 67
    assert passes(threats["Rotation"](degrees=15), 10) == 0
    assert named(threats["PGD"](eps=0.1)) == "PGD 0.1"
    assert named(threats["Blur"](severity=3)) == "Blur severity 3"


def test_a_worker_gets_no_label(room: Classroom, plain: bytes) -> None:
    from grader.outline import Outline

    assignment = read_assignment(room.assignment)
    x, y, _ = load_arrays(DATA, room.folder, "test")
    examples = Examples(x, y, Target(10), preprocessing="{}")
    check = assignment.checks[-1].check
    outline = Outline.of(loads(MODEL).graph)
    given = Findings(arrays={"given.0": x, "given.1": x})
    brief = Brief(room.folder, outline, examples, data=assignment.data, found=given)
    task = check.prepare(brief, Subject(outline))
    assert task is not None and task.arrays.keys() == {"inputs", "given.0", "given.1"}  # type: ignore[union-attr]
    json.dumps(task.parameters)  # type: ignore[union-attr]
    assert "labels" not in json.dumps(task.parameters)  # type: ignore[union-attr]


def test_both_catalogues_are_one_and_share_no_name() -> None:
    assert [*threats] == [*attacks, *disturbances]
    assert not set(attacks) & set(disturbances)
    assert threats["FGSM"] is attacks["FGSM"] and threats.get("Rotation") is disturbances["Rotation"]
    assert threats.module_of("Rotation") == "builder.robustness.disturbances.geometric"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(Cause, match="there is no attack or disturbance `Rotaton`") as caught:
        threats.get("Rotaton")
    assert caught.value.hint == "Did you mean `Rotation`?"

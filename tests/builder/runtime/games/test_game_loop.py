"""The game against trajectories known in closed form, against a loop by hand, and against itself."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from builder import loads
from builder.errors import TrainingError
from builder.runtime.data.splits import load_splits, mixed
from builder.runtime.games.game_loop import PLAYED, GameLoop
from builder.runtime.network.module import build_networks
from builder.runtime.training.events import EpochStarted, Event, RoundsDone
from builder.spec.spec import ModelSpec

CPU = torch.device("cpu")
# The generator's one weight is θ = −a of its PReLU, which reads −1; the discriminator's is ψ of ψ·x.
DIRAC = """
networks:
  generator:
    input: [1]
    layers:
      - {Linear: 1, init: {weight: zeros_, bias: {constant_: -1}}, freeze: true}
      - PReLU: {init: -1.0}
  discriminator:
    input: [1]
    layers: [{Linear: {out_features: 1, bias: false}, init: {weight: {constant_: 0.5}}}]
data: {source: {NPZ: zeros.npz}, split: {train: 1}, batch_size: 4}
adversarial:
  objective: Wasserstein
  optimizer: {generator: {SGD: {lr: 0.2}}, discriminator: {SGD: {lr: 0.2}}}
train: {epochs: 5, device: cpu, threads: 1}
"""
RING = """
networks:
  generator: {input: [3], layers: [{Linear: 12}, ReLU, {Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 12}, {LeakyReLU: 0.2}, {Linear: 1}]}
data: {source: {GaussianRing: {examples: 300}}, split: {train: 0.8, test: 0.2}, batch_size: 50}
adversarial: {objective: NonSaturating, optimizer: {generator: Adam, discriminator: Adam}}
train: {epochs: 3, device: cpu, threads: 1}
"""
IMAGES = """
networks:
  generator:
    input: [4]
    layers: [{Linear: 64}, {Unflatten: [1, 8, 8]}, {Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}},
             BatchNorm2d, ReLU, {Conv2d: {out_channels: 1, kernel_size: 3, padding: 1}}, Sigmoid]
  discriminator:
    input: [1, 8, 8]
    layers: [{Conv2d: {out_channels: 3, kernel_size: 3, stride: 2}}, BatchNorm2d, {LeakyReLU: 0.2},
             {Dropout: 0.2}, Flatten, {Linear: 1}]
data: {source: Digits, split: {train: 0.2, validation: 0.1, test: 0.7}, batch_size: 64}
adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}, ema: 0.9}
train: {epochs: 2, device: cpu, threads: 1}
"""


def loop_of(spec: ModelSpec) -> GameLoop:
    assert spec.data is not None and spec.game is not None
    splits = load_splits(spec.data, spec.folder, seed=spec.game.seed)
    return GameLoop(spec, build_networks(spec), splits, CPU)


@pytest.fixture
def dirac(tmp_path: Path) -> Callable[..., GameLoop]:
    """The Dirac-GAN of Mescheder et al. (2018): all real examples are 0, all made ones θ."""
    np.savez(tmp_path / "zeros.npz", x=np.zeros((40, 1), np.float32), y=np.zeros((40, 1), np.float32))

    def make(*sets: str) -> GameLoop:
        return loop_of(loads(DIRAC, folder=tmp_path, sets=sets))

    return make


def place(loop: GameLoop) -> tuple[float, float]:
    """ψ and θ."""
    state = loop.networks.state_dict()
    return float(state["discriminator.linear_1.weight"]), -float(state["generator.prelu_1.weight"])


@pytest.mark.parametrize(("penalty", "steps"), [(0.0, 1), (0.0, 2), (0.5, 1)])
def test_the_dirac_gan_goes_where_paper_and_pencil_say(
    dirac: Callable[..., GameLoop], penalty: float, steps: int
) -> None:
    """With f(t) = t the game is linear: (ψ, θ) ← A(ψ, θ), det A = d.

    ψ ← ψ − η(θ + γψ), ``steps`` times; then θ ← θ + ηψ. So A has the eigenvalues √d·e^{±iφ}, and
    Aⁿ = √dⁿ⁻¹·(sin nφ/sin φ)·A − √dⁿ·(sin (n−1)φ/sin φ)·1: circles without a penalty, a spiral with R1.
    """
    sets = [f"adversarial.discriminator_steps={steps}"]
    sets += [f"adversarial.penalty={{R1: {penalty}}}"] if penalty else []
    loop, rate = dirac(*sets), 0.2
    kept, back = 1 - rate * penalty, steps * rate
    step = np.array([[kept, -back], [rate * kept, 1 - rate * back]])
    radius = math.sqrt(np.linalg.det(step))
    angle = math.acos(np.trace(step) / (2 * radius))
    seen: list[tuple[float, float]] = []

    def watch(event: Event) -> None:
        if isinstance(event, RoundsDone) and event.batch % steps == 0:
            seen.append(place(loop))

    start = np.array(place(loop))
    assert tuple(start) == (0.5, 1.0)
    for _ in range(5):
        loop.run_epoch(watch)
    assert len(seen) == 50 // steps
    for n, found in enumerate(seen, 1):
        turned = radius ** (n - 1) * math.sin(n * angle) / math.sin(angle) * step
        power = turned - radius**n * math.sin((n - 1) * angle) / math.sin(angle) * np.eye(2)
        assert found == pytest.approx(power @ start, abs=2e-5), n
    assert math.hypot(*seen[-1]) > 0.7 if not penalty else math.hypot(*seen[-1]) < 0.15


def test_the_dirac_gan_says_its_losses(dirac: Callable[..., GameLoop]) -> None:
    """Before the first step ψ·θ = 0.5, then θ meets the ψ that has stepped: −0.3·1."""
    loop, seen = dirac(), []
    loop.run_epoch(lambda event: seen.append(event.figures()) if isinstance(event, RoundsDone) else None)
    assert seen[0]["discriminator_loss"] == pytest.approx(0.5)
    assert seen[0]["generator_loss"] == pytest.approx(-0.3)
    assert seen[0]["real_score"] == pytest.approx(0.5)
    assert seen[0]["fake_score"] == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_the_same_bits_as_a_loop_by_hand() -> None:
    rules = ("adversarial.discriminator_steps=2", "adversarial.ema=0.9", "train.clip_grad_norm=0.5")
    more = (
        "adversarial.penalty={R1: {weight: 2, every: 3}}",
        "adversarial.instance_noise={std: 0.1, epochs: 2}",
    )
    spec = loads(RING, sets=[*rules, *more])
    loop = loop_of(spec)
    for _ in range(3):
        loop.run_epoch(None)

    assert spec.data is not None
    splits = load_splits(spec.data, spec.folder)
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 2))
    told = nn.Sequential(nn.Linear(2, 12), nn.LeakyReLU(0.2), nn.Linear(12, 1))
    average = copy.deepcopy(made)
    optimizers = [torch.optim.Adam(net.parameters(), fused=True) for net in (made, told)]

    def step(net: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        torch.autograd.backward(loss, inputs=list(net.parameters()))
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()

    rounds = 0
    for epoch in range(1, 4):
        chance = torch.Generator().manual_seed(mixed(mixed(0, PLAYED), epoch))
        for index, (real, _, _) in enumerate(splits.batches(epoch - 1)):
            std = 0.1 * max(0.0, 1 - (epoch - 1 + index / splits.steps_per_epoch) / 2)

            def blurred(x: Tensor, std: float = std, chance: torch.Generator = chance) -> Tensor:
                return x + std * torch.randn(x.shape, generator=chance) if std else x

            fake = made(torch.randn(len(real), 3, generator=chance))
            real, apart = blurred(real), blurred(fake.detach())
            loss = softplus(-told(real)).mean() + softplus(told(apart)).mean()
            if rounds % 3 == 0:
                real = real.detach().requires_grad_()
                (slopes,) = torch.autograd.grad(told(real).sum(), real, create_graph=True)
                loss = loss + 3.0 * slopes.square().sum(1).mean()
            step(told, optimizers[1], loss)
            rounds += 1
            if rounds % 2 == 0:
                step(made, optimizers[0], softplus(-told(blurred(fake))).mean())
                with torch.no_grad():
                    for kept, now in zip(average.parameters(), made.parameters(), strict=True):
                        kept.lerp_(now, 1 - 0.9)
    found = loop.saved.state_dict()
    by_hand = [*average.state_dict().values(), *told.state_dict().values()]
    for (name, ours), theirs in zip(found.items(), by_hand, strict=True):
        assert torch.equal(ours, theirs), name
    assert loop.steps == {"generator": 7, "discriminator": 15}


def test_real_and_made_examples_never_share_a_batch_norm() -> None:
    """Each goes through the discriminator alone; in the generator's turn only made ones do."""
    loop = loop_of(loads(IMAGES))
    seen: list[int] = []
    (norm,) = (one for one in loop.discriminator.modules() if isinstance(one, nn.BatchNorm2d))
    norm.register_forward_hook(lambda *given: seen.append(len(given[1][0])))
    loop.run_epoch(None)
    sizes = [min(64, 359 - start) for start in range(0, 359, 64)]
    assert seen == [size for size in sizes for _ in range(3)]


def test_one_player_steps_at_a_time() -> None:
    loop = loop_of(loads(IMAGES))
    played = loop._play(1, None)
    assert len(played.generator_losses) == len(played.discriminator_losses) == 6
    before = {name: value.clone() for name, value in loop.networks.named_parameters()}
    apart = torch.rand(5, 1, 8, 8, requires_grad=True)
    for weight in loop.discriminator.parameters():
        weight.grad = None
    loop._step("generator", loop.discriminator(loop._generator(torch.randn(5, 4))).mean())
    assert all(weight.grad is None for weight in loop.discriminator.parameters()), "the generator's step"
    loop._step("discriminator", loop.discriminator(apart).mean())
    assert apart.grad is None, "examples get none"
    after = dict(loop.networks.named_parameters())
    assert not any(torch.equal(before[name], after[name]) for name in before if "linear" in name)


def test_an_average_is_of_weights_and_its_statistics_are_the_generators() -> None:
    loop = loop_of(loads(IMAGES))
    start = {name: value.clone() for name, value in loop._generator.state_dict().items()}
    for _ in range(2):
        loop.run_epoch(None)
    average, now = loop.generator.state_dict(), loop._generator.state_dict()
    assert loop.generator is not loop._generator
    for name, value in average.items():
        if "running" in name or "tracked" in name:
            assert torch.equal(value, now[name])
        else:
            assert not torch.equal(value, now[name]) and not torch.equal(value, start[name])
    assert list(loop.saved.state_dict()) == list(loads(IMAGES).graph.state)


def test_frozen_layers_stay() -> None:
    frozen = IMAGES.replace("{Linear: 64}", "{Linear: 64, freeze: true}")
    loop = loop_of(loads(frozen))
    before = loop.networks.state_dict()["generator.linear_1.weight"].clone()
    loop.run_epoch(None)
    assert torch.equal(before, loop.networks.state_dict()["generator.linear_1.weight"])


def test_a_player_with_nothing_to_train() -> None:
    stuck = RING.replace("[{Linear: 12}, ReLU, {Linear: 2}]", "[{Linear: 2, freeze: true}]")
    with pytest.raises(TrainingError, match=r"^The generator has nothing to train\."):
        loop_of(loads(stuck))


def test_turns_are_counted_over_all_epochs() -> None:
    """Five batches an epoch, and the generator steps after every seventh: in the second epoch first."""
    loop = loop_of(loads(RING, sets=["adversarial.discriminator_steps=7"]))
    assert loop.run_epoch(None)["generator_loss"] is None
    assert loop.run_epoch(None)["generator_loss"] is not None
    assert loop.steps == {"generator": 1, "discriminator": 10}


def test_instance_noise_fades() -> None:
    loop = loop_of(loads(RING, sets=["adversarial.instance_noise={std: 0.4, epochs: 4}"]))
    assert [loop._blur(epochs) for epochs in (0, 1, 2.5, 4, 9)] == pytest.approx([0.4, 0.3, 0.15, 0, 0])


def test_events() -> None:
    events: list[Event] = []
    figures = loop_of(loads(RING)).run_epoch(events.append)
    assert [type(event) for event in events] == [EpochStarted, *[RoundsDone] * 5]
    last = events[-1]
    assert isinstance(last, RoundsDone)
    assert (last.epoch, last.batch, last.batches) == (1, 5, 5)
    assert last.figures().items() <= figures.items()
    assert list(figures) == ["epoch", *last.figures(), "seconds"]


@pytest.mark.parametrize(
    ("sets", "problem", "hints"),
    [
        (
            ["adversarial.optimizer.discriminator={SGD: {lr: 1e38}}"],
            r"^The generator's loss is not finite \(\S+\) at step 1 of epoch 1\. No epoch ended well\.",
            ("(now 0.001 of the generator and 1e+38 of the discriminator)", "R1", "spectral", "label_smoothing"),
        ),
        (
            ["adversarial.optimizer.generator={SGD: {lr: 1e38}}", "train.clip_grad_norm=1", "adversarial.penalty=R1"],
            r"^The discriminator's loss is not finite \(\S+\) at step 2 of epoch 1",
            ("`lr` (now 1e+38 of the", "`norm: spectral`"),
        ),
    ],
)  # fmt: skip
def test_a_loss_that_is_no_number(sets: list[str], problem: str, hints: tuple[str, ...]) -> None:
    loop = loop_of(loads(RING, sets=sets))
    with pytest.raises(TrainingError, match=problem) as caught:
        loop.run_epoch(None)
    said = caught.value.hint or ""
    assert all(hint in said for hint in hints)
    assert ("clip_grad_norm" in said) == (len(sets) == 1) == ("R1" in said)
    assert loop.epoch == 0


def test_weights_that_are_no_numbers_though_all_losses_were() -> None:
    loop = loop_of(loads(RING))
    loop.run_epoch(None)
    played = loop._play(2, None)
    with torch.no_grad():
        loop._weights["generator"][0][0] = math.nan
    with pytest.raises(
        TrainingError, match=r"^The generator's weights .* step 5 of epoch 2\. .* epoch 1 are kept"
    ):
        loop._check(played, 2)


SERIES = """
cells:
  Leaky:
    states: [h]
    gates:
      z: sigmoid(W_z @ [h_prev, x] + b_z)
    update:
      h: (1 - z) * h_prev + z * tanh(W_h @ [h_prev, x] + b_h)
networks:
  generator: {input: [3], layers: [{Linear: 12}, {Unflatten: [12, 1]}]}
  discriminator: {input: [12, 1], layers: [{Leaky: {hidden_size: 5, output: last}}, {Linear: 1}]}
data: {source: {SineWaves: {length: 12, examples: 60}}, split: {train: 1}, batch_size: 20}
adversarial:
  objective: Wasserstein
  penalty: GradientPenalty
  optimizer: {generator: Adam, discriminator: Adam}
train: {epochs: 1, device: cpu, threads: 1}
"""


@pytest.mark.parametrize("cell", ["Leaky", "LSTM", "GRU", "RNN"])
def test_a_recurrent_discriminator_is_differentiated_twice(cell: str) -> None:
    """The penalty's gradient by the weights of what our loops and torch's compute is the finite difference."""
    text = SERIES if cell == "Leaky" else SERIES[SERIES.index("networks") :].replace("Leaky", cell)
    loop = loop_of(loads(text))
    assert loop.run_epoch(None)["discriminator_loss"] is not None
    network, draw = loop.discriminator.double(), torch.Generator().manual_seed(1)
    real, made = torch.randn(2, 4, 12, 1, generator=draw).double()

    def term() -> Tensor:
        assert loop.rules.penalty is not None
        found = loop.rules.penalty.term(loop._score(()), real, made, torch.Generator().manual_seed(0))
        assert found is not None
        return found

    weights = list(network.parameters())
    gradients = torch.autograd.grad(term(), weights, materialize_grads=True)
    assert sum(bool(gradient.any()) for gradient in gradients) >= 3
    for weight, gradient in zip(weights, gradients, strict=True):
        flat, rise = weight.detach().view(-1), 0.0  # shares the weight's values
        before = float(flat[0])
        for sign in (1, -1):
            flat[0] = before + sign * 1e-5
            rise += sign * term().item()
        flat[0] = before
        assert float(gradient.flatten()[0]) == pytest.approx(rise / 2e-5, rel=1e-5, abs=1e-7)

"""``build`` against the same networks by hand in torch: bits, names, wiring."""

from __future__ import annotations

import copy
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from builder import loads
from builder.errors import RunError
from builder.runtime import build, build_networks
from builder.runtime.network.module import inputs_of, listing, outputs_of

LENET = """
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - Tanh
  - AvgPool2d: 2
  - Conv2d: {out_channels: 16, kernel_size: 5}
  - Tanh
  - AvgPool2d: 2
  - Flatten
  - Linear: 120
  - Tanh
  - Linear: 84
  - Tanh
  - Linear: 10
"""
RESIDUAL = """
input: [4, 6, 6]
blocks:
  Residual:
    parameters: {channels: 4}
    layers:
      - Conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}
      - {name: body, BatchNorm2d}
      - Add: [body, input]
      - ReLU
layers:
  - {repeat: 2, Residual: 4}
  - Flatten
  - {Linear: 3, init: {weight: {normal_: {std: 0.5}}, bias: zeros_}}
"""
TWO = """
inputs: {left: [5], right: [5]}
layers:
  - {name: tower_a, from: left, Linear: 4}
  - {name: tower_b, from: right, share: tower_a}
  - {name: near, Multiply: [tower_a, tower_b]}
  - {name: both, Concat: [tower_a, tower_b]}
outputs: [near, both]
"""


def lenet() -> nn.Sequential:
    """By hand, in file order."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(),
        nn.Linear(84, 10),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_bits_as_by_hand(seed: int) -> None:
    network = build(loads(LENET), seed)
    torch.manual_seed(seed)
    by_hand = lenet()
    for (name, ours), theirs in zip(network.named_parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    x = torch.randn(3, 1, 28, 28)
    assert torch.equal(network(x), by_hand(x))
    network(x).square().sum().backward()
    by_hand(x).square().sum().backward()
    for ours, theirs in zip(network.parameters(), by_hand.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)


def test_the_seed_is_the_trains_unless_given() -> None:
    seeded = loads(LENET + "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, seed: 5}\n")
    assert torch.equal(
        build(seeded).get_parameter("conv2d_1.weight"), build(seeded, 5).get_parameter("conv2d_1.weight")
    )
    assert torch.equal(
        build(loads(LENET)).get_parameter("linear_1.bias"), build(seeded, 0).get_parameter("linear_1.bias")
    )


def test_blocks_nest_and_init_comes_after_all_layers() -> None:
    spec = loads(RESIDUAL)
    network = build(spec, 3)
    torch.manual_seed(3)
    convolutions = [nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 3, padding=1, bias=False)]
    norms = [nn.BatchNorm2d(4), nn.BatchNorm2d(4)]
    linear = nn.Linear(144, 3)
    nn.init.normal_(linear.weight, std=0.5)
    nn.init.zeros_(linear.bias)

    def by_hand(x: Tensor) -> Tensor:
        for convolution, norm in zip(convolutions, norms, strict=True):
            x = functional.relu(norm(convolution(x)) + x)
        return linear(x.flatten(1))  # type: ignore[no-any-return]

    assert next(iter(network.state_dict())) == "residual_1.conv2d_1.weight"
    assert listing(network) == spec.graph.state
    assert list(listing(network)) == list(spec.graph.state)
    x = torch.randn(5, 4, 6, 6)
    assert torch.equal(network(x), by_hand(x))


def test_shared_layers_own_no_keys_and_inputs_have_names() -> None:
    spec = loads(TWO)
    network = build(spec)
    assert list(network.state_dict()) == ["tower_a.weight", "tower_a.bias"] == list(spec.graph.state)
    left, right = torch.randn(2, 5), torch.randn(2, 5)
    found: Any = network(left, right)
    a, b = network.get_submodule("tower_a")(left), network.get_submodule("tower_a")(right)
    assert list(found) == ["near", "both"] == list(outputs_of(network))
    assert torch.equal(found["near"], a * b)
    assert torch.equal(found["both"], torch.cat([a, b], 1))
    named: Any = network(right=right, left=left)
    assert torch.equal(named["near"], found["near"])
    mixed: Any = network(left, right=right)
    assert torch.equal(mixed["both"], found["both"])
    assert list(inputs_of(network)) == ["left", "right"]


@pytest.mark.parametrize(
    ("positional", "named"), [(1, ()), (3, ()), (2, ("left",)), (1, ("left",)), (1, ("middle",)), (0, ())]
)
def test_wrong_inputs_are_refused(positional: int, named: tuple[str, ...]) -> None:
    network = build(loads(TWO))
    x = torch.randn(2, 5)
    with pytest.raises(TypeError, match="expected the inputs left, right"):
        network(*[x] * positional, **dict.fromkeys(named, x))


def test_a_value_that_is_read_again_later_stays() -> None:
    text = """
input: [3]
layers:
  - {name: first, Linear: 3}
  - {name: second, ReLU}
  - {name: third, Linear: 3}
  - {name: again, Add: [third, first]}
  - {name: end, Concat: [again, second, input]}
outputs: [end, second]
"""
    network = build(loads(text))
    x = torch.randn(4, 3)
    first = network.get_submodule("first")(x)
    second = first.relu()
    again = network.get_submodule("third")(second) + first
    found: Any = network(x)
    assert torch.equal(found["end"], torch.cat([again, second, x], 1))
    assert torch.equal(found["second"], second)


def test_values_die_after_their_last_reader() -> None:
    """A ladder of sums: while a layer's value is made, at most its inputs and the one before are alive."""
    rungs = "\n".join(
        f"  - {{name: a{i}, Linear: 9}}\n  - {{name: b{i}, Add: [a{i}, {f'b{i - 1}' if i else 'input'}]}}"
        for i in range(6)
    )
    network = build(loads(f"input: [9]\nlayers:\n{rungs}\n"))
    made: list[weakref.ref[Tensor]] = []
    alive: list[int] = []

    def note(module: nn.Module, arguments: Any, value: Tensor) -> None:
        made.append(weakref.ref(value))
        alive.append(sum(ref() is not None for ref in made))

    for _, layer in network.named_children():
        layer.register_forward_hook(note)
    with torch.inference_mode():
        network(torch.randn(2, 9))
    assert len(alive) == 12
    assert max(alive) <= 3


def test_a_copy_is_a_network_of_its_own() -> None:
    network = build(loads(RESIDUAL)).eval()
    other = copy.deepcopy(network)
    x = torch.randn(2, 4, 6, 6)
    before = network(x)
    assert torch.equal(other(x), before)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert torch.equal(network(x), before)
    assert not other(x).any()


def test_frozen_layers_are_not_trained() -> None:
    network = build(loads("input: [4]\nlayers: [{Linear: 3, freeze: true}, {Linear: 2}]\n"))
    assert {name: p.requires_grad for name, p in network.named_parameters()} == {
        "linear_1.weight": False, "linear_1.bias": False, "linear_2.weight": True, "linear_2.bias": True,
    }  # fmt: skip


def test_a_spec_with_holes_cannot_be_built() -> None:
    with pytest.raises(RunError, match=r"has 1 place to fill \(line 2\)"):
        build(loads("input: [4]\nlayers: [{Linear: ???}]\n"))


PLAYERS = """
networks:
  generator: {input: [4], layers: [{Linear: 6}, ReLU, {Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 3}, ReLU, {Linear: 1}]}
adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: Adam}}
train: {epochs: 1, seed: 5}
"""


def test_several_networks_are_the_layers_written_by_hand_in_file_order() -> None:
    spec = loads(PLAYERS)
    networks = build_networks(spec)
    torch.manual_seed(5)
    first = [nn.Linear(4, 6), nn.Linear(6, 2), nn.Linear(2, 3), nn.Linear(3, 1)]
    theirs = [tensor for layer in first for tensor in layer.parameters()]
    assert all(torch.equal(*pair) for pair in zip(networks.parameters(), theirs, strict=True))
    assert listing(networks) == spec.graph.state
    assert list(spec.graph.state)[:2] == ["generator.linear_1.weight", "generator.linear_1.bias"]
    assert not torch.equal(next(build_networks(spec, seed=6).parameters()), theirs[0])


def test_one_of_several_networks_can_be_built_alone() -> None:
    network = build(loads(PLAYERS).networks["discriminator"], seed=3)
    assert network(torch.zeros(7, 2)).shape == (7, 1)


def test_one_network_and_several_are_asked_for_by_their_own_names() -> None:
    with pytest.raises(RunError, match="`build_networks` makes them all"):
        build(loads(PLAYERS))
    with pytest.raises(RunError, match="has one network"):
        build_networks(loads(LENET))
    with pytest.raises(RunError, match="1 place to fill"):
        build_networks(loads(PLAYERS.replace("{Linear: 6}", "???")))

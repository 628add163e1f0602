"""`norm` held against torch.nn.utils.parametrizations: the same weights, outputs and training, bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from builder import loads
from builder.runtime import build
from builder.runtime.export.export import export
from builder.runtime.network.module import Network, listing
from builder.runtime.network.parametrisation import normalised

SPEC = """
input: [3, 8, 8]
layers:
  - {Conv2d: {out_channels: 4, kernel_size: 3}, norm: NORM}
  - {ConvTranspose2d: {out_channels: 5, kernel_size: 3, bias: false}, norm: NORM}
  - BatchNorm2d
  - Flatten
  - {Linear: 6, norm: NORM, name: head}
  - {Linear: 6, norm: NORM, name: square}
  - {share: square}
"""


def spec_of(norm: str) -> str:
    return SPEC.replace("NORM", norm)


def by_hand(norm: Callable[[nn.Module], nn.Module], seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        norm(nn.Conv2d(3, 4, 3)),
        norm(nn.ConvTranspose2d(4, 5, 3, bias=False)),
        nn.BatchNorm2d(5),
        nn.Flatten(),
        norm(nn.Linear(320, 6)),
        norm(nn.Linear(6, 6)),
    )
    return layers.append(layers[-1])


BOTH = pytest.mark.parametrize(("norm", "theirs"), [("spectral", spectral_norm), ("weight", weight_norm)])


@BOTH
def test_training_is_torchs_bit_for_bit(norm: str, theirs: Callable[[nn.Module], nn.Module]) -> None:
    ours, hand = build(loads(spec_of(norm)), seed=3), by_hand(theirs, 3)
    assert torch.rand(3).equal(_drawn_after(theirs)), "as many numbers were drawn"
    optimizers = [torch.optim.Adam(network.parameters(), 1e-2) for network in (ours, hand)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        real, fake = (torch.randn(5, 3, 8, 8, generator=generator) for _ in range(2))
        for network, optimizer in zip((ours, hand), optimizers, strict=True):
            optimizer.zero_grad()
            (network(real).square().sum() - network(fake).sum()).backward()  # two passes, one gradient
            optimizer.step()
        assert torch.equal(ours(real), hand(real))
    before = listing(ours), {name: value.clone() for name, value in ours.state_dict().items()}
    ours.eval(), hand.eval()
    assert torch.equal(ours(real), hand(real))
    assert all(torch.equal(value, before[1][name]) for name, value in ours.state_dict().items())


def _drawn_after(theirs: Callable[[nn.Module], nn.Module]) -> Tensor:
    by_hand(theirs, 3)
    drawn = torch.rand(3)
    build(loads(spec_of("spectral" if theirs is spectral_norm else "weight")), seed=3)
    return drawn


@BOTH
def test_a_second_derivative_is_torchs(norm: str, theirs: Callable[[nn.Module], nn.Module]) -> None:
    x = torch.randn(4, 3, 8, 8, requires_grad=True)
    for network in (ours := build(loads(spec_of(norm)), seed=3), hand := by_hand(theirs, 3)):
        (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        gradient.square().sum().backward()  # type: ignore[no-untyped-call]  # a gradient penalty
    theirs_first = [p for name, p in hand[0].named_parameters() if "original" in name][-1].grad
    assert theirs_first is not None
    torch.testing.assert_close(_weight(ours, "conv2d_1").grad, theirs_first)


@pytest.mark.parametrize("norm", ["spectral", "weight"])
def test_the_state_is_the_graphs_and_comes_back(norm: str, tmp_path: Path) -> None:
    spec = loads(spec_of(norm))
    network = build(spec)
    assert list(listing(network).items()) == list(spec.graph.state.items())
    assert spec.graph.parameters == sum(p.numel() for p in network.parameters())
    x = torch.randn(4, 3, 8, 8)
    network(x)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other = build(spec, seed=9)
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    again = copy.deepcopy(network)
    for one in (network, other, again):
        one.eval()
    assert torch.equal(other(x), network(x))
    assert torch.equal(again(x), network(x))
    assert "weight" not in vars(network.get_submodule("head")), "nothing hides the parameter between passes"


@pytest.mark.parametrize("norm", ["spectral", "weight"])
def test_the_exported_network_is_proved(norm: str, tmp_path: Path) -> None:
    network = build(loads(spec_of(norm)))
    network(torch.randn(8, 3, 8, 8))
    proof = export(network, tmp_path / "model.onnx")
    assert proof.largest <= proof.allowed


def test_a_spectral_layer_stretches_nothing() -> None:
    network = build(loads("input: [6]\nlayers: [{Linear: {out_features: 9, bias: false}, norm: spectral}]"))
    for _ in range(200):
        network(torch.zeros(1, 6))
    largest = torch.linalg.svdvals(network.eval()(torch.eye(6)))[0]
    torch.testing.assert_close(largest, torch.tensor(1.0))


def test_init_sets_the_weight_that_is_computed_with() -> None:
    """`init` comes after `norm`: singular vectors and lengths are found anew for what it writes."""
    text = "input: [6]\nlayers: [{Linear: {out_features: 6, bias: false}, norm: NORM, init: {weight: INIT}}]"
    network = build(loads(text.replace("NORM", "weight").replace("INIT", "{constant_: {val: 0.5}}")))
    torch.testing.assert_close(network(torch.eye(6)), torch.full((6, 6), 0.5))
    network = build(loads(text.replace("NORM", "spectral").replace("INIT", "{constant_: {val: 0.5}}"))).eval()
    torch.testing.assert_close(network(torch.eye(6)), torch.full((6, 6), 1 / 6))
    given = text.replace("NORM", "weight").replace("weight: INIT", "weight: ones_, weight_g: ones_")
    torch.testing.assert_close(build(loads(given))(torch.eye(6)), torch.full((6, 6), 6**-0.5))


def test_frozen_weights_stay_and_have_no_gradient() -> None:
    text = "input: [6]\nlayers: [{Linear: 4, norm: weight, freeze: true}, {Linear: 2}]"
    network = build(loads(text))
    network(torch.randn(3, 6)).sum().backward()
    assert {n for n, p in network.named_parameters() if p.grad is not None} == {
        "linear_2.weight",
        "linear_2.bias",
    }


def test_an_error_in_the_layer_leaves_the_weight_visible() -> None:
    module = normalised(nn.Linear(3, 2), "spectral", 0)
    with pytest.raises(RuntimeError):
        module(torch.zeros(1, 4))
    assert isinstance(module.weight, nn.Parameter)


def test_it_says_so() -> None:
    assert repr(normalised(nn.Linear(3, 2), "spectral", 0)) == (
        "SpectralLinear(in_features=3, out_features=2, bias=True, norm=spectral)"
    )


def _weight(network: Network, layer: str) -> nn.Parameter:
    return network.get_parameter(f"{layer}.weight")

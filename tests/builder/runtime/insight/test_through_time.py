"""Gradients through time, held against torch's own cells stepped by hand, and against the literature."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from builder import loads
from builder.errors import RunError
from builder.runtime import build
from builder.runtime.insight.through_time import (
    asked_of_the_end,
    gradient_norms,
    recurrent_layers,
    through_time,
)
from builder.runtime.network.module import Network

STEPS = 100


def network(layer: str, *, inputs: int = 3, cells: str = "") -> Network:
    text = f"input: [T, {inputs}]\n{cells}layers:\n  - {{name: memory, {layer}}}\n  - Linear: 2\n"
    return build(loads(text), 1).double()


def stepped(cell: nn.RNNCellBase, inner: nn.Module, x: Tensor) -> dict[str, list[Tensor]]:
    """Each state at each step, by torch's cell with the weights of torch's layer; gradients are kept."""
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.copy_(inner.get_parameter(f"{name}_l0"))
    states: dict[str, list[Tensor]] = {"h": [], "c": []}
    carried: object = None
    for t in range(x.shape[1]):
        carried = cell(x[:, t], carried)
        for name, state in zip("hc", carried if isinstance(carried, tuple) else (carried,), strict=False):
            state.retain_grad()
            states[name].append(state)
    return {name: along for name, along in states.items() if along}


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        ("LSTM: 5", nn.LSTMCell),
        ("GRU: 5", nn.GRUCell),
        ("RNN: 5", nn.RNNCell),
        ("LSTM: {hidden_size: 5, bias: false}", nn.LSTMCell),
    ],
)
def test_torchs_layers_against_its_cells(layer: str, kind: type[nn.RNNCellBase]) -> None:
    net = network(layer)
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    weights = torch.randn(4, 7, 2, dtype=torch.float64)
    seen = through_time(net, "memory", lambda: (net(x) * weights).sum())
    states = stepped(kind(3, 5, bias="false" not in layer).double(), net.memory, x)
    (net.get_submodule("linear_1")(torch.stack(states["h"], dim=1)) * weights).sum().backward()
    for name, along in states.items():
        torch.testing.assert_close(seen.values[name], torch.stack(along, dim=1).detach())
        torch.testing.assert_close(seen.gradients[name], torch.stack([one.grad for one in along], dim=1))
        expected = [float(torch.linalg.vector_norm(one.grad)) for one in along]
        assert seen.norms(name) == pytest.approx(expected, rel=1e-12)


def test_a_cell_is_followed_as_torchs_layer_is() -> None:
    cells = """cells:
  Own:
    states: [h, c]
    gates:
      i: sigmoid(W @ x + U @ h_prev + b)
      f: sigmoid(W @ x + U @ h_prev + b)
      g: tanh(W @ x + U @ h_prev + b)
      o: sigmoid(W @ x + U @ h_prev + b)
    update: {c: f * c_prev + i * g, h: o * tanh(c)}
"""
    own, theirs = network("Own: 5", cells=cells), network("LSTM: 5")
    with torch.no_grad():
        for name, parameter in own.memory.named_parameters():
            gate, _, part = name.partition(".")
            row = "ifgo".index(gate)
            if part == "b":
                parameter.copy_(
                    theirs.memory.bias_ih_l0.chunk(4)[row] + theirs.memory.bias_hh_l0.chunk(4)[row]
                )
            else:
                array = theirs.memory.weight_ih_l0 if part == "W" else theirs.memory.weight_hh_l0
                parameter.copy_(array.chunk(4)[row])
        own.linear_1.load_state_dict(theirs.linear_1.state_dict())
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    for name in ("h", "c", "f"):
        a, b = (
            gradient_norms(net, "memory", name, lambda net=net: net(x).square().sum())
            for net in (own, theirs)
        )
        assert a == pytest.approx(b, rel=1e-10)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_layers_and_directions(kind: str) -> None:
    """Looking changes nothing; with lengths, what lies past an end has no gradient."""
    net = network(f"{kind}: {{hidden_size: 4, num_layers: 2, bidirectional: true}}").eval()
    x, lengths = torch.randn(3, 6, 3, dtype=torch.float64), torch.tensor([6, 2, 4])
    plain = net(x, lengths)
    outputs: list[Tensor] = []

    def loss() -> Tensor:
        outputs.append(net(x, lengths))
        return outputs[-1].square().sum()

    for depth, reverse in ((0, False), (0, True), (-1, False), (1, True)):
        seen = through_time(net, "memory", loss, depth=depth, reverse=reverse)
        torch.testing.assert_close(outputs[-1], plain)
        assert not seen.gradients["h"][1, 2:].any()
        assert seen.gradients["h"][1, :2].abs().min() > 0
    torch.testing.assert_close(net(x, lengths), plain, rtol=0, atol=0)


def test_frozen_weights_have_gradients_through_time_too() -> None:
    net = network("LSTM: 4").requires_grad_(False)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    assert (gradient_norms(net, "memory", "c", lambda: net(x).sum()) > 0).all()


def test_what_is_handed_on() -> None:
    net = network("LSTM: 4")
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    seen = through_time(net, "memory", lambda: net(x).sum())
    handed = seen.carried_on("c")
    assert handed is not None
    assert not handed[:, 0].any()
    torch.testing.assert_close(handed[:, 1:], seen.values["f"][:, 1:] * seen.values["c"][:, :-1])
    torch.testing.assert_close(seen.values["c"], handed + seen.values["i"] * seen.values["g"])
    assert seen.carried_on("h") is None


@pytest.mark.parametrize(
    ("layer", "forget_bias", "measured"), [("RNN", None, 8e-6), ("LSTM", None, 2e-5), ("LSTM", 1.0, 3.6e-3)]
)
def test_gradients_vanish_as_measured(layer: str, forget_bias: float | None, measured: float) -> None:
    """A gradient 19 steps before the last of 100, against the last step's: within a factor of 3.

    A layer with its first weights does not remember, an LSTM no more than an RNN, unless its forget gate is
    opened by a bias of 1 (Jozefowicz, Zaremba and Sutskever, 2015).
    """
    x = torch.randn(16, STEPS, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net = network(f"{layer}: 32", inputs=8)
    if forget_bias is not None:
        with torch.no_grad():
            net.memory.bias_ih_l0[32:64], net.memory.bias_hh_l0[32:64] = forget_bias, 0.0
    norms = gradient_norms(net, "memory", "h", lambda: asked_of_the_end(net(x), has_time=True))
    assert measured / 3 < norms[-20] / norms[-1] < measured * 3


def test_what_cannot_be_followed() -> None:
    net, x = network("LSTM: 4"), torch.randn(2, 5, 3, dtype=torch.float64)
    assert recurrent_layers(net) == ("memory",)
    for call, problem in (
        (lambda: through_time(net, "memry", lambda: net(x).sum()), "there is no recurrent layer `memry`"),
        (lambda: gradient_norms(net, "memory", "k", lambda: net(x).sum()), "`LSTM` has no gate or state `k`"),
        (lambda: through_time(net, "memory", lambda: net(x).sum(), depth=1), "there is no layer 1"),
        (lambda: through_time(net, "memory", lambda: net(x).sum(), reverse=True), "one direction alone"),
        (lambda: through_time(net, "memory", lambda: net(x).detach().sum()), "no gradient to follow"),
        (lambda: through_time(net, "memory", lambda: x.sum()), "ran without its layer `memory`"),
        (lambda: through_time(nn.Linear(2, 2), "a", lambda: x.sum()), "no recurrent layer"),
    ):
        with pytest.raises(RunError, match=problem):
            call()

"""gradient_flow: what is left of a gradient at the start, held against numbers worked out by hand or by torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from builder import loads
from builder.errors import DataError
from builder.runtime.network.module import build
from grader.checks.gradient_flow import gradient_flow
from grader.outcome import Failed, Outcome, Passed
from grader.outline import Outline

Judge = Callable[..., Outcome]

# c_t = 0.5 c_{t-1} + x_t, h = c: each step back keeps one half of a gradient.
HALVES = """\
input: [T, 3]
cells:
  Decay:
    states: [h, c]
    update:
      c: {keep} * c_prev + x
      h: c
layers:
  - {{name: memory, Decay: {{hidden_size: 3, output: last}}}}
"""


def ratio(text: str, of: str, length: int) -> float:
    spec = loads(text)
    check = gradient_flow(of=of, length=length, min=1.0)
    return check._ratio(build(spec, 0).double().eval(), Outline.of(spec.graph), of.rsplit(".", 1))


@pytest.mark.parametrize(("keep", "length"), [("0.5", 11), ("2", 5), ("1", 30)])
def test_a_state_that_is_kept_in_part(keep: str, length: int) -> None:
    found = ratio(HALVES.format(keep=keep), "memory.c", length)
    assert found == pytest.approx(float(keep) ** (length - 1), rel=1e-9)


def test_bounds_hold_on_both_sides(judge: Judge) -> None:
    decay, grow = HALVES.format(keep="0.5"), HALVES.format(keep="2")
    check = "gradient_flow: {of: memory.c, length: 11, min: 1e-3, max: 10}"  # 2^-10 = 0.00098
    vanished = judge(check, HALVES.format(keep="1"), decay)
    assert isinstance(vanished, Failed) and vanished.found == "0.00098"
    assert vanished.direction == "the gradient of `memory.c` vanishes"
    exploded = judge(check, HALVES.format(keep="1"), grow)
    assert isinstance(exploded, Failed) and exploded.direction == "the gradient of `memory.c` explodes"
    assert isinstance(judge(check.replace("1e-3", "9e-4"), decay, decay), Passed)


def test_it_is_held_against_another_network(judge: Judge, tmp_path: Path) -> None:
    """1 is 2^10 = 1024 times what half of it keeps over ten steps."""
    ours = {"rnn.yaml": HALVES.format(keep="0.5").encode()}
    one = HALVES.format(keep="1")
    check = "gradient_flow: {of: memory.c, length: 11, against: rnn.yaml, times: 1e3}"
    assert isinstance(judge(check, one, one, ours=ours), Passed)
    outcome = judge(check.replace("1e3", "1.1e3"), one, one, ours=ours)
    assert isinstance(outcome, Failed)
    assert outcome.expected == "a ratio of at least 1100 times that of `rnn.yaml`, 0.00098"


def test_the_network_to_compare_with_must_be_there(judge: Judge) -> None:
    one = HALVES.format(keep="1")
    with pytest.raises(DataError, match=r"cannot be read"):
        judge("gradient_flow: {of: memory.c, length: 5, against: rnn.yaml, times: 2}", one, one)
    with pytest.raises(DataError, match=r"leaves the assignment's folder"):
        judge("gradient_flow: {of: memory.c, length: 5, against: ../rnn.yaml, times: 2}", one, one)


def test_names_of_the_students_own_are_found(judge: Judge) -> None:
    lstm = "input: [T, 2]\nlayers: [{name: memory, LSTM: {hidden_size: 3, output: last}}]\n"
    own = """\
input: [T, 2]
cells:
  Mine:
    states: [y, s]
    gates:
      i: sigmoid(W @ x + U @ y_prev + b)
      f: sigmoid(W @ x + U @ y_prev + b)
      g: tanh(W @ x + U @ y_prev + b)
      o: sigmoid(W @ x + U @ y_prev + b)
    update: {s: f * s_prev + i * g, y: o * tanh(s)}
layers: [{name: rows, Mine: {hidden_size: 3, output: last}}]
"""
    assert isinstance(judge("gradient_flow: {of: memory.c, length: 5, min: 1e-6}", lstm, own), Passed)


def test_a_state_or_layer_that_is_not_there(judge: Judge) -> None:
    one = HALVES.format(keep="1")
    plain = "input: [T, 3]\nlayers: [{Linear: 3}]\n"
    check = "gradient_flow: {of: memory.c, length: 5, min: 0.1}"
    outcome = judge(check, one, plain)
    assert isinstance(outcome, Failed) and (outcome.expected, outcome.found) == (
        "a recurrent layer `memory`",
        "none",
    )
    renamed = (
        one.replace("c: 1 * c_prev", "d: 1 * d_prev").replace("h: c", "h: d").replace("[h, c]", "[h, d]")
    )
    renamed = renamed.replace("+ x", "+ x * x")  # so that it does not mean the same either
    outcome = judge(check, one, renamed)
    assert isinstance(outcome, Failed) and outcome.expected == "a state `memory.c` to follow"
    assert "has no gate or state `c`" in outcome.found
    fixed = one.replace("[T, 3]", "[7, 3]")
    outcome = judge(check, one, fixed)
    assert isinstance(outcome, Failed) and outcome.expected == "sequences of 5 steps"


def test_depth_is_from_the_first_layer_to_the_last() -> None:
    """Held against torch's own gradients of the two layers' outputs."""
    text = "input: [6]\nlayers: [{Linear: 6}, Sigmoid, {Linear: 6}, Sigmoid, {Linear: 6}]\n"
    spec = loads(text)
    network = build(spec, 0).double().eval()
    check = gradient_flow(min=1e-3)
    found = check._ratio(network, Outline.of(spec.graph), None)
    x = torch.from_numpy(check._drawn(spec.inputs["input"], 0))
    first = network.get_submodule("linear_1")(x)
    last = network.get_submodule("linear_3")(network.get_submodule("linear_2")(first.sigmoid()).sigmoid())
    v = torch.randn(last.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b = torch.autograd.grad((v * last).sum(), [first, last])
    assert found == pytest.approx(float(a.square().mean().sqrt() / b.square().mean().sqrt()), rel=1e-9)


def test_trained_weights_are_those_handed_in(judge: Judge) -> None:
    from safetensors.torch import save

    text = "input: [T, 1]\nlayers: [{name: memory, RNN: {hidden_size: 1, output: last}}]\n"
    state = {name: torch.zeros_like(tensor) for name, tensor in build(loads(text), 0).state_dict().items()}
    check = "gradient_flow: {of: memory.h, length: 3, at: trained, min: 1e-9}"
    weights = {"weights.safetensors": save(state)}
    outcome = judge(check, text, text, files=weights)
    assert isinstance(outcome, Failed) and outcome.found == "no gradient at all"
    state["memory.weight_hh_l0"] += 0.5
    outcome = judge(check, text, text, files={"weights.safetensors": save(state)})
    assert isinstance(outcome, Passed) and outcome.detail == "the ratio is 0.25"  # tanh'(0) = 1: 0.5²

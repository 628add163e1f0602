"""forward and gradients on sequences of several lengths: what stands beyond their ends is never looked at."""

from __future__ import annotations

from collections.abc import Callable

from grader.outcome import Blocked, Failed, Outcome, Passed

Judge = Callable[..., Outcome]
MEAN = "input: [T, 3]\nlayers: [{name: memory, GRU: {hidden_size: 4}}, {Linear: 2}, {Mean: 1}]\n"


def test_what_stands_in_padding_does_not_count(judge: Judge) -> None:
    """A cell that only hands on what arrives gives zeros past the end, where `Linear` leaves its bias."""
    ours = "input: [T, 3]\nlayers: [{name: memory, GRU: {hidden_size: 4}}, {Linear: 4}]\n"
    theirs = ours.replace("{Linear: 4}]", "{Linear: 4}, {HandOn: 4}]") + (
        "cells: {HandOn: {states: [h], update: {h: identity(x)}}}\n"
    )
    for check in ("forward: {}", "gradients: {}"):
        assert isinstance(judge(check, ours, theirs), Passed)
    assert isinstance(judge("forward: {}", ours, theirs.replace("identity(x)", "tanh(x)")), Failed)


def test_lengths_count(judge: Judge) -> None:
    """The last step of the padded sequence is not the last step of the sequence."""
    last = "input: [T, 3]\nlayers: [{name: memory, GRU: {hidden_size: 4, output: last}}]\n"
    mean = "input: [T, 3]\nlayers: [{name: memory, GRU: {hidden_size: 4}}, {Mean: 1}]\n"
    assert isinstance(judge("forward: {}", last, mean), Failed)
    assert isinstance(judge("forward: {}", MEAN, MEAN), Passed)
    assert isinstance(judge("gradients: {numerical: 2}", MEAN, MEAN), Passed)


def test_a_linear_layer_and_a_mean_change_places(judge: Judge) -> None:
    """A mean over the steps that are there is linear; one over padding too would add the bias elsewhere."""
    swapped = "input: [T, 3]\nlayers: [{name: memory, GRU: {hidden_size: 4}}, {Mean: 1}, {Linear: 2}]\n"
    for check in ("forward: {}", "gradients: {}"):
        assert isinstance(judge(check, MEAN, swapped), Passed)


def test_a_free_axis_may_have_another_symbol(judge: Judge) -> None:
    theirs = MEAN.replace("[T, 3]", "[L, 3]")
    for check in ("shapes: {}", "forward: {}", "gradients: {}"):
        assert isinstance(judge(check, MEAN, theirs), Passed)
    both = (
        "inputs: {{a: [T, 3], b: [{b}, 3]}}\n"
        "layers: [{{from: a, GRU: 3}}, {{from: b, GRU: 3}}]\noutputs: [gru_1, gru_2]\n"
    )
    assert isinstance(judge("forward: {}", both.format(b="S"), both.format(b="U")), Passed)
    assert isinstance(judge("forward: {}", both.format(b="S"), both.format(b="T")), Blocked)
    assert isinstance(judge("forward: {}", both.format(b="T"), both.format(b="S")), Blocked)


def test_a_fixed_length_is_no_free_axis(judge: Judge) -> None:
    outcome = judge("forward: {}", MEAN, MEAN.replace("[T, 3]", "[7, 3]"))
    assert isinstance(outcome, Blocked)
    assert outcome.reason == "the input `input` must be N×T×3, and it is N×7×3"

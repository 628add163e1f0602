"""forward: the same weights give the same outputs, and the first layer that differs is named."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from builder.errors import DataError, RunError
from grader.outcome import Blocked, Failed, Outcome, Passed

REFERENCE = """\
input: [2, 8, 8]
layers:
  - Conv2d: {out_channels: 3, kernel_size: 3}
  - BatchNorm2d
  - ReLU
  - MaxPool2d: 2
  - Flatten
  - Linear: 4
"""
Judge = Callable[..., Outcome]


def test_relu_and_max_pooling_may_change_places(judge: Judge) -> None:
    swapped = REFERENCE.replace("  - ReLU\n  - MaxPool2d: 2\n", "  - MaxPool2d: 2\n  - ReLU\n")
    assert isinstance(judge("forward: {}", REFERENCE, swapped), Passed)


def test_the_first_layer_that_differs_is_named(judge: Judge) -> None:
    outcome = judge("forward: {}", REFERENCE, REFERENCE.replace("- ReLU", "- {name: bend, LeakyReLU: 0.01}"))
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(2 / 5)
    assert outcome.hint is not None
    assert outcome.hint.startswith("Up to `batch_norm2d_1` all agree; `bend` is the first that differs")
    assert outcome.direction == "the outputs differ from `bend` on"


def test_a_first_layer_that_differs_gives_nothing(judge: Judge) -> None:
    padded = "input: [2, 8, 8]\nlayers: [{Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}}, ReLU]\n"
    dilated = padded.replace("padding: 1", "padding: 2, dilation: 2")
    outcome = judge("forward: {}", padded, dilated)
    assert isinstance(outcome, Failed) and outcome.fraction == 0
    assert outcome.hint is not None and outcome.hint.startswith("`conv2d_1` is the first that differs")


def test_weights_that_do_not_fit_block(judge: Judge) -> None:
    outcome = judge("forward: {}", REFERENCE, REFERENCE.replace("kernel_size: 3", "kernel_size: 5"))
    assert isinstance(outcome, Blocked)
    assert outcome.by == "conv2d_1" and "a Conv2d (weight 3×2×5×5, bias 3)" in outcome.reason


def test_running_statistics_and_their_epsilon_count(judge: Judge) -> None:
    outcome = judge("forward: {}", REFERENCE, REFERENCE.replace("BatchNorm2d", "BatchNorm2d: {eps: 1e-4}"))
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(1 / 5)


def test_zeros_never_pass_because_the_reference_is_small(judge: Judge) -> None:
    small = "input: [3]\nlayers: [{Linear: 2}, Sigmoid, {Multiply: [linear_1, sigmoid_1]}]\n"
    zero = "input: [3]\nlayers: [{Linear: 2}, {Multiply: [linear_1, linear_1]}]\n"
    assert isinstance(judge("forward: {tolerance: 0.01}", small, zero), Failed)


def test_a_reference_that_gives_zeros_is_no_question(judge: Judge) -> None:
    dead = "input: [3]\nlayers: [{Linear: 2}, {LogSoftmax: 1}, ReLU]\n"
    with pytest.raises(RunError, match="`output` is zero on these inputs"):
        judge("forward: {}", dead, dead)


def test_a_softmax_too_many_leaves_the_output_wrong(judge: Judge) -> None:
    outcome = judge("forward: {}", REFERENCE, REFERENCE + "  - Softmax: 1\n")
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(4 / 5)


def test_a_network_that_ends_early_is_told_so(judge: Judge) -> None:
    longer = REFERENCE + "  - Tanh\n"
    outcome = judge("forward: {}", longer, REFERENCE)
    assert isinstance(outcome, Failed)
    assert outcome.hint == "All of your layers agree, but another layer must come after them."
    assert outcome.fraction == pytest.approx(5 / 6)


def test_a_file_of_inputs_is_used_and_must_fit(judge: Judge) -> None:
    file = io.BytesIO()
    np.savez(file, input=np.zeros((2, 2, 8, 8)))
    arguments = {"ours": {"x.npz": file.getvalue()}}
    bent = REFERENCE.replace("kernel_size: 3", "kernel_size: 3, padding_mode: circular")
    assert isinstance(judge("forward: {inputs: x.npz}", REFERENCE, bent, **arguments), Passed)
    wide = REFERENCE.replace("[2, 8, 8]", "[2, 9, 9]")
    with pytest.raises(DataError, match="must be N×2×9×9"):
        judge("forward: {inputs: x.npz}", wide, wide, **arguments)


def test_tokens_are_drawn_and_shared_layers_run_twice(judge: Judge) -> None:
    tokens = """\
inputs: {left: {shape: [4], vocabulary: 9}, right: {shape: [4], vocabulary: 9}}
layers:
  - {name: words, from: left, Embedding: 5}
  - {name: a, Flatten}
  - {name: others, from: right, share: words}
  - {name: b, Flatten}
  - {name: both, Concat: {of: [a, b]}}
  - Linear: 2
"""
    renamed = tokens.replace("words", "w").replace("both", "all")
    assert isinstance(judge("forward: {}", tokens, renamed), Passed)
    turned = tokens.replace("of: [a, b]", "of: [b, a]")
    assert isinstance(judge("forward: {}", tokens, turned), Failed)
    own = tokens.replace("share: words", "Embedding: 5")
    assert isinstance(judge("forward: {}", tokens, own), Blocked)

"""Advice fails nothing, and says what is unwise."""

from __future__ import annotations

import pytest

from builder import loads

TRAIN = "data: {source: Digits}\ntrain: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (
            "input: [4]\nlayers:\n  - Linear: 3\n  - Linear: 2\n",
            4,
            "`linear_1` and `linear_2` have nothing between them: together they are one",
        ),
        (
            "input: [1, 8, 8]\nlayers:\n  - Conv2d: {out_channels: 2, kernel_size: 3}\n  - BatchNorm2d\n",
            3,
            "the bias of `conv2d_1` does nothing: `batch_norm2d_1` subtracts the mean right after it",
        ),
        (
            "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10},\n  {Softmax: 1}]\n" + TRAIN,
            3,
            "`Softmax` before `CrossEntropyLoss`, which takes the logarithm of a softmax itself",
        ),
        (
            "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\n"
            "data: {source: Digits, preprocess: [{Rescale: [-1, 1]},\n  Grayscale]}\n",
            3,
            "`Rescale` comes last, wherever it stands",
        ),
        (
            "input: [T, 3]\nlayers:\n  - {name: e, LSTM: 4}\n  - {from: input, state_from: e, GRU: 4}\n",
            4,
            "`gru_1` has no state for `e.c`: it begins without",
        ),
        (
            "input: [4]\nblocks:\n  ReLU: {layers: [Tanh]}\nlayers: [ReLU]\n",
            3,
            "the block `ReLU` hides the layer type of that name",
        ),
    ],
)
def test_advice(text: str, line: int, problem: str) -> None:
    (advice,) = loads(text).advice
    assert (advice.line, advice.problem) == (line, problem)


@pytest.mark.parametrize(
    "text",
    [
        "input: [4]\nlayers: [{Linear: 3}, ReLU, {Linear: 2}]\n",
        "input: [4]\nlayers: [{Linear: 3}, {Linear: 2}]\noutputs: [linear_1, linear_2]\n",
        "input: [1, 8, 8]\nlayers: [{Conv2d: {out_channels: 2, kernel_size: 3, bias: false}}, BatchNorm2d]\n",
        "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\n" + TRAIN,
        "input: [T, 3]\nlayers: [{name: e, GRU: 4}, {from: input, state_from: e, GRU: 4}]\n",
    ],
)
def test_no_advice(text: str) -> None:
    assert loads(text).advice == ()

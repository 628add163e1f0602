"""`expect`, and data, network and loss held against each other."""

from __future__ import annotations

import pytest

from builder import SpecErrors, loads

NET = "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 10}]\n"


def test_everything_that_may_be_expected() -> None:
    loads(
        NET + "expect: {parameters: 650, multiply_adds: 640, output: [10], linear_1: [10], flatten_1: [64]}\n"
    )


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (
            NET + "expect: {parameters: 640}\n",
            (3, 22),
            "640 parameters are expected, and the network has 650",
        ),
        (NET + "expect: {linear_2: [10]}\n", (3, 10), "`expect` names no layer: `linear_2`"),
        (NET + "expect: {output: 10}\n", (3, 18), "expected a shape without the batch axis, found 10"),
        (NET + "expect: {parameters: many}\n", (3, 22), 'expected a whole number, found the text "many"'),
        (
            "input: [1, 28, 28]\nlayers: [Flatten, {Linear: 10}]\ndata: {source: Digits}\n",
            (1, 8),
            "`input` is [1, 28, 28], and the data gives [1, 8, 8]",
        ),
        (
            "input: [1, 8, 8]\nlayers: [Flatten, {Linear: 12}]\ndata: {source: Digits}\n"
            "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}\n",
            (4, 15),
            "the data has 10 classes, and the output has 12 values",
        ),
        (
            NET + "data: {source: Digits, split: {train: 0.8, test: 0.2}}\n"
            "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1, early_stopping: 2}\n",
            (4, 77),
            "`validation_loss` is monitored, and the data has no validation part",
        ),
    ],
)
def test_what_does_not_fit(text: str, where: tuple[int, int], problem: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        loads(text)
    (error,) = caught.value.errors
    assert ((error.line, error.column), error.problem) == (where, problem)

"""`expect`, and data, network and loss held against each other."""

from __future__ import annotations

import pytest

from builder import SpecErrors, loads
from builder.elaborate.resolve import to_yaml

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


ATTACKED = """\
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 10]}]}
attacks: {weak: {FGSM: {eps: 1/4}}, far: {PGD: {eps: 7, norm: L2, steps: 3}}}
"""


def test_attacks_are_named_and_written_out_with_every_default() -> None:
    spec = loads(ATTACKED)
    assert list(spec.attacks) == ["weak", "far"]
    assert spec.attacks["weak"].eps == 0.25
    again = loads(to_yaml(spec.resolved()))
    assert again.attacks == spec.attacks
    assert spec.resolved()["attacks"]["far"]["PGD"]["norm"] == "L2"  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "{Linear: 10}",
            "{Linear: 9}",
            "an attack needs one output for each of 10 classes, and the output is N×9",
        ),
        (
            "eps: 7",
            "eps: 9",
            "`eps` is 9 in L2, and no two examples N×1×8×8 within [0, 1] are farther than 8",
        ),
    ],
)
def test_what_attacks_need(old: str, new: str, problem: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        loads(ATTACKED.replace(old, new))
    assert [error.problem.startswith(problem) for error in caught.value.errors] == [True]

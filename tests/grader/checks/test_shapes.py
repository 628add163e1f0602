"""shapes: one slip costs once, whatever the layers are called; the figures are those of the board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder import loads
from builder.errors import RunError
from grader.check import Brief, Subject
from grader.checks.forward import forward
from grader.checks.gradients import gradients
from grader.checks.shapes import shapes
from grader.exchange import Findings
from grader.outcome import Blocked, Failed, Outcome, Passed
from grader.outline import Outline

REFERENCE = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - Tanh
  - AvgPool2d: 2
  - Conv2d: {out_channels: 16, kernel_size: 5}
  - Tanh
  - AvgPool2d: 2
  - Flatten
  - Linear: {in_features: 400, out_features: 120}
  - Linear: 10
"""
Judge = Callable[..., Outcome]


def model(*changes: tuple[str, str]) -> str:
    text = REFERENCE.replace("{in_features: 400, out_features: 120}", "120")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_the_first_slip_is_told_with_its_arithmetic(judge: Judge) -> None:
    outcome = judge("shapes: {}", REFERENCE, model(("kernel_size: 5}", "kernel_size: 3}")))
    assert outcome == Failed(
        expected="conv2d_2: 16×10×10",
        found="16×12×12 (from 6×14×14)",
        hint="Yours works out as ⌊(14 + 2·0 − 1·(3 − 1) − 1)/1⌋ + 1 = 12;  16·(6·3·3) + 16 = 880",
        fraction=6 / 7,
        direction="`conv2d_2` gives another shape",
        detail="6 of 7 are right",
    )


def test_without_follow_through_all_that_follows_is_wrong_too(judge: Judge) -> None:
    changed = model((", padding: 2", ""))
    outcome = judge("shapes: {follow_through: false}", REFERENCE, changed)
    assert isinstance(outcome, Failed)
    assert outcome.fraction == pytest.approx(2 / 7)  # the linear layers' widths are fixed
    judged = judge("shapes: {}", REFERENCE, changed)
    assert isinstance(judged, Failed) and judged.fraction == pytest.approx(6 / 7)


@pytest.mark.parametrize(
    ("changes", "fraction", "expected", "found"),
    [
        pytest.param(
            [("  - AvgPool2d: 2\n", "")],
            6 / 7,
            "avg_pool2d_1: a AvgPool2d that gives 6×14×14",
            "no such layer",
            id="missing",
        ),
        pytest.param(
            [("AvgPool2d: 2", "MaxPool2d: 2")],
            6 / 7,
            "avg_pool2d_1: AvgPool2d, 6×14×14",
            "max_pool2d_1: MaxPool2d, 6×14×14",
            id="another type",
        ),
        pytest.param(
            [("AvgPool2d: 2", "MaxPool2d: 4")],
            6 / 7,
            "avg_pool2d_1: AvgPool2d, 6×14×14",
            "max_pool2d_1: MaxPool2d, 6×7×7",
            id="another type and another shape is one slip",
        ),
        pytest.param(
            [("  - Flatten", "  - MaxPool2d: 2\n  - Flatten")],
            7 / 8,
            "no further layer",
            "max_pool2d_1: MaxPool2d, 16×2×2, which is one too many",
            id="too many",
        ),
        pytest.param(
            [("[1, 28, 28]", "[1, 32, 32]")], 7 / 8, "an input N×1×28×28", "`input`: N×1×32×32", id="input"
        ),
    ],
)
def test_each_slip_costs_its_own_share(
    judge: Judge, changes: list[tuple[str, str]], fraction: float, expected: str, found: str
) -> None:
    outcome = judge("shapes: {}", REFERENCE, model(*changes))
    assert isinstance(outcome, Failed)
    assert (outcome.fraction, outcome.expected, outcome.found) == (pytest.approx(fraction), expected, found)


def test_a_wrong_size_written_in_the_reference_does_not_matter(judge: Judge) -> None:
    """`in_features: 400` is the reference's; a student's own 576 is judged by what arrives there."""
    outcome = judge("shapes: {layers: [linear_1]}", REFERENCE, model(("kernel_size: 5}", "kernel_size: 3}")))
    assert outcome == Passed("1 layers are right")


def test_activations_count_only_where_all_layers_do(judge: Judge) -> None:
    changed = model(("Tanh", "ReLU"), ("  - Flatten", "  - Dropout\n  - Flatten"))
    assert isinstance(judge("shapes: {}", REFERENCE, changed), Passed)
    outcome = judge("shapes: {layers: all}", REFERENCE, changed)
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(8 / 9)


def test_nothing_is_known_of_a_layer_that_the_reference_has_not(judge: Judge) -> None:
    with pytest.raises(RunError, match="no layer `conv2d_3`"):
        judge("shapes: {layers: [conv2d_3]}", REFERENCE, model())


def test_other_numbers_of_inputs_fail_and_break_nothing(judge: Judge) -> None:
    two = "inputs: {a: [4], b: [4]}\nlayers:\n  - Add: {}\n    from: [a, b]\n  - Linear: 2\n"
    one = "input: [4]\nlayers: [{Linear: 2}]\n"
    for reference, other in ((one, two), (two, one)):
        outcome = judge("shapes: {}", reference, other)
        assert isinstance(outcome, Failed) and outcome.fraction == 0.5, outcome


def test_without_inputs_nothing_breaks() -> None:
    ours = Outline.of(loads("input: [4]\nlayers: [{Linear: 2}]\n").graph)
    theirs = replace(ours, inputs={}, layers=(), outputs={})
    for one, other in ((ours, theirs), (theirs, ours)):
        brief = Brief(Path(), one)
        outcome = shapes().judge(brief, Subject(other), Findings(), Findings())
        assert isinstance(outcome, Failed), outcome
        for check in (forward(), gradients()):
            assert isinstance(check.prepare(brief, Subject(other)), Blocked)
    brief = Brief(Path(), theirs)
    for check in (forward(), gradients()):
        assert isinstance(check.prepare(brief, Subject(theirs)), Blocked)


def test_a_width_that_changes_no_shape_is_that_layers_slip(judge: Judge) -> None:
    outcome = judge("shapes: {}", REFERENCE, model(("Linear: 120", "Linear: 400")))
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(6 / 7)
    assert (outcome.expected, outcome.found) == ("linear_1: 120", "400 (from 400)")
    assert outcome.direction == "`linear_1` gives another shape"


def test_each_layer_stands_for_one_alone(judge: Judge) -> None:
    reference = "input: [9]\nlayers: [{Linear: 6}, Tanh, {Linear: 3}]\n"
    both = judge("shapes: {}", reference, "input: [9]\nlayers: [{Linear: 9}, Tanh, {Linear: 9}]\n")
    assert isinstance(both, Failed) and both.fraction == 0
    assert both.expected == "linear_1: 6; linear_2: 3" and both.found == "9 (from 9)"
    one = judge("shapes: {}", reference, "input: [9]\nlayers: [{Linear: 9}]\n")
    assert isinstance(one, Failed) and one.found == "9 (from 9); no such layer"

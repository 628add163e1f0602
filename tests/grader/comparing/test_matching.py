"""Layers are matched by what they mean; the weights are drawn alike for all."""

from __future__ import annotations

import numpy as np
import pytest

from builder import loads
from grader.comparing.injection import draw, recipe
from grader.comparing.matching import Matching, align, match
from grader.outcome import Blocked
from grader.outline import Outline

TWINS = """\
input: [4]
layers:
  - {name: a, from: input, Linear: 4}
  - {name: b, from: a, Linear: 4}
  - {name: c, from: input, Linear: 4}
  - {name: d, from: c, Linear: 4}
  - Add: [b, d]
"""


def outline(text: str) -> Outline:
    return Outline.of(loads(text).graph)


def paired(reference: str, submission: str) -> dict[str, str]:
    found = match(outline(reference), outline(submission))
    assert isinstance(found, Matching), found
    return found.layers


def test_twins_that_stand_in_another_order_stay_together() -> None:
    """Both branches look alike: whichever is taken first, its second layer must follow it."""
    other = """\
input: [4]
layers:
  - {name: p, from: input, Linear: 4}
  - {name: q, from: input, Linear: 4}
  - {name: r, from: q, Linear: 4}
  - {name: s, from: p, Linear: 4}
  - Add: [r, s]
"""
    pairs = paired(TWINS, other)
    assert (pairs["a"], pairs["b"]) in {("p", "s"), ("q", "r")}
    assert (pairs["c"], pairs["d"]) in {("p", "s"), ("q", "r")}
    assert len(set(pairs.values())) == 4


def test_what_a_sum_forgets_a_concatenation_keeps() -> None:
    text = """\
input: [4]
layers:
  - {name: a, from: input, Linear: 3}
  - {name: b, from: input, Linear: 3}
  - Concat: [a, b]
"""
    assert paired(text, text.replace("[a, b]", "[b, a]")) == {"a": "b", "b": "a"}


def test_layers_without_weights_may_be_wrong_and_elsewhere() -> None:
    one = "input: [1, 8, 8]\nlayers: [{Conv2d: {out_channels: 2, kernel_size: 3}}, ReLU, Flatten, {Linear: 3}]\n"
    other = (
        "input: [1, 8, 8]\n"
        "layers: [{name: x, Conv2d: {out_channels: 2, kernel_size: 3}}, Dropout, Flatten, Tanh, {name: y, Linear: 3}]\n"
    )
    assert paired(one, other) == {"conv2d_1": "x", "linear_1": "y"}


def test_names_come_before_the_order_in_the_file() -> None:
    """The wiring differs (a product for a sum), so names decide."""
    other = TWINS.replace("Add", "Multiply").replace("name: a", "name: z")
    names = {"a": "z", "b": "b", "c": "c", "d": "d"}
    assert paired(TWINS, other.replace("from: a", "from: z")) == names
    swapped = """\
input: [4]
layers:
  - {name: c, from: input, Linear: 4}
  - {name: d, from: c, Linear: 4}
  - {name: a, from: input, Linear: 4}
  - {name: b, from: a, Linear: 4}
  - Multiply: [b, d]
"""
    assert paired(TWINS, swapped) == {name: name for name in "abcd"}


@pytest.mark.parametrize(
    ("change", "by", "reason"),
    [
        (
            ("name: b, from: a, Linear: 4", "name: b, from: a, Linear: {out_features: 4, bias: false}"),
            "b",
            "a Linear (weight 4×4)",
        ),
        (
            ("  - Add: [b, d]", "  - {name: e, from: b, Linear: 4}\n  - Add: [e, d]"),
            "e",
            "4 layers with parameters are needed, and there are 5",
        ),
    ],
)
def test_the_first_that_differs_stands_in_the_way(change: tuple[str, str], by: str, reason: str) -> None:
    found = match(outline(TWINS), outline(TWINS.replace(*change)))
    assert isinstance(found, Blocked)
    assert found.by == by and reason in found.reason


def test_a_long_chain_of_equal_layers_is_matched_in_order() -> None:
    text = "input: [4]\nlayers:\n" + "  - Linear: 4\n" * 60
    names = [f"linear_{i}" for i in range(1, 61)]
    assert paired(text, text) == dict(zip(names, names, strict=True))


def test_weights_do_not_depend_on_how_a_submission_is_written() -> None:
    """They are drawn by the reference's places, finite, and of a size that keeps a signal's."""
    reference = outline(
        "input: [3, 8, 8]\nlayers: [{Conv2d: {out_channels: 64, kernel_size: 5}}, BatchNorm2d, Flatten, {Linear: 3}]\n"
    )
    drawn = draw(recipe(reference), seed=1)
    assert list(drawn) == list(reference.state)
    for key, array in drawn.items():
        assert array.shape == reference.state[key] and np.isfinite(array).all()
    assert drawn["conv2d_1.weight"].std() == pytest.approx(1 / np.sqrt(75), rel=0.05)
    assert (drawn["batch_norm2d_1.running_var"] >= 0.5).all()
    assert drawn["batch_norm2d_1.num_batches_tracked"] == 0
    for key, array in draw(recipe(reference), seed=1).items():
        np.testing.assert_array_equal(drawn[key], array)
    assert not np.array_equal(draw(recipe(reference), seed=2)["linear_1.bias"], drawn["linear_1.bias"])


def test_alignment_leaves_gaps_on_both_sides() -> None:
    assert align("abcd", "xbdd", lambda a, b: int(a == b)) == [(1, 1), (3, 2)]
    assert align("", "ab", lambda a, b: 1) == []

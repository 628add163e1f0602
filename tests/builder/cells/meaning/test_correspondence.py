"""The linear equations between two cells' parameters."""

from __future__ import annotations

from builder.cells.meaning.correspondence import UNIT, Leaf, solution

A, B, C, D = (Leaf(name) for name in "ABCD")


def test_one_for_one() -> None:
    assert solution([{A: 1.0}, {B: 2.0}], [{C: -1.0}, {D: 1.0}]) == {A: ((-1.0, C),), B: ((0.5, D),)}


def test_several_for_one() -> None:
    """Of two biases for one, one is zero; of one for two, it is the sum."""
    assert solution([{A: 1.0, B: 1.0}], [{C: 1.0}]) == {A: ((1.0, C),), B: ()}
    assert solution([{A: 1.0}], [{C: 1.0, D: 1.0}]) == {A: ((1.0, C), (1.0, D))}


def test_a_number_beside_a_bias() -> None:
    assert solution([{A: 1.0, UNIT: 1.0}], [{C: 1.0}]) == {A: ((-1.0, UNIT), (1.0, C))}


def test_sharing_must_be_shared() -> None:
    """One parameter in two places cannot be two parameters, but two can be one."""
    assert solution([{A: 1.0}, {A: 1.0}], [{C: 1.0}, {D: 1.0}]) is None
    assert solution([{A: 1.0}, {B: 1.0}], [{C: 1.0}, {C: 1.0}]) == {A: ((1.0, C),), B: ((1.0, C),)}

"""Shape arithmetic, against torch's own."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from builder.errors import Cause
from builder.shapes import (
    Sum,
    TensorType,
    axis,
    both_axes,
    broadcast,
    count,
    expect_rank,
    expect_reals,
    window,
)

small = st.integers(1, 9)


def worked_out(text: str) -> int:
    """The value of a printed sum, by Python's arithmetic instead of ours."""
    inside, stride, rest = re.fullmatch(r"[⌊⌈]\((.*)\)/(\d+)[⌋⌉] (.*) = \d+", text).groups()  # type: ignore[union-attr]
    spare = eval(inside.replace("·", "*").replace("−", "-"))
    whole = -(-spare // int(stride)) if text.startswith("⌈") else spare // int(stride)
    return int(eval(f"{whole} {rest.replace('−', '-')}"))


@given(st.integers(1, 20), small, st.integers(1, 5), st.integers(0, 5), st.integers(1, 3))
def test_the_window_of_a_convolution_is_torchs(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    try:
        expected = functional.conv1d(x, w, stride=stride, padding=padding, dilation=dilation).shape[-1]
    except RuntimeError:
        with pytest.raises(Cause, match="is larger than the input"):
            window(size, kernel, stride, padding, dilation)
        return
    found = window(size, kernel, stride, padding, dilation)
    assert found.value == expected == worked_out(found.text)


@given(st.integers(1, 20), small, st.integers(1, 5), st.integers(0, 4), st.booleans())
def test_the_window_of_a_pooling_is_torchs(
    size: int, kernel: int, stride: int, padding: int, ceil: bool
) -> None:
    padding = min(padding, kernel // 2)
    try:
        x = torch.zeros(1, 1, size)
        expected = functional.max_pool1d(x, kernel, stride, padding, ceil_mode=ceil).shape[-1]
    except RuntimeError:
        with pytest.raises(Cause, match="is larger than the input"):
            window(size, kernel, stride, padding, ceil=ceil, dilated=False)
        return
    found = window(size, kernel, stride, padding, ceil=ceil, dilated=False)
    assert found.value == expected == worked_out(found.text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((28, 5, 1, 2), "⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28"),
        ((7, 3, 2, 0, 2), "⌊(7 + 2·0 − 2·(3 − 1) − 1)/2⌋ + 1 = 2"),
    ],
)
def test_the_sum_is_written_as_on_the_board(arguments: tuple[int, ...], text: str) -> None:
    assert window(*arguments).text == text


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((4, 5, 1, 0), "the window of 5 is larger than the input of 4"),
        ((4, 3, 1, 0, 4), "the window of 9 is larger than the input of 4"),
        ((1, 9, 2, 1), "the window of 9 is larger than the input of 1 with 1 padding on each side"),
    ],
)
def test_a_window_that_does_not_fit(arguments: tuple[int, ...], problem: str) -> None:
    with pytest.raises(Cause) as caught:
        window(*arguments)
    assert caught.value.problem == problem
    assert caught.value.hint == "Use a smaller kernel_size, or more padding, or pool less before."


def test_axes_that_are_alike_are_written_once() -> None:
    a, b = Sum(3, "1 + 2 = 3"), Sum(4, "1 + 3 = 4")
    assert both_axes(a, a) == "1 + 2 = 3"
    assert both_axes(a, b) == "1 + 2 = 3, 1 + 3 = 4"


@given(
    st.lists(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)
)
def test_broadcasting_is_numpys_at_one_rank(shapes: list[tuple[int, ...]]) -> None:
    if len({len(shape) for shape in shapes}) > 1:
        assert broadcast(shapes) is None
        return
    try:
        assert broadcast(shapes) == np.broadcast_shapes(*shapes)
    except ValueError:
        assert broadcast(shapes) is None


def test_count() -> None:
    assert count((6, 1, 5, 5)) == 150
    assert count(()) == 1


@pytest.mark.parametrize(
    ("kind", "shown", "size"),
    [
        (TensorType((6, 28, 28)), "N×6×28×28", 4704),
        (TensorType((20,), 80), "N×20 tokens of 80", 20),
        (TensorType(()), "N", 1),
    ],
)
def test_a_type_as_it_is_shown(kind: TensorType, shown: str, size: int) -> None:
    assert (str(kind), kind.size) == (shown, size)


def test_tokens_are_no_reals() -> None:
    expect_reals(TensorType((3,)), "Linear")
    with pytest.raises(Cause) as caught:
        expect_reals(TensorType((20,), 80), "Linear")
    assert caught.value.problem == "`Linear` needs real numbers, and N×20 tokens of 80 arrive"
    assert caught.value.hint == "Put an `Embedding` before it."


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((3, 8, 8), None),
        ((192,), "`Conv2d` needs an input of 3 axes (C, H, W), and N×192 arrives"),
        ((3, 8), "`Conv2d` needs an input of 3 axes (C, H, W), and N×3×8 arrives"),
    ],
)
def test_the_number_of_axes(shape: tuple[int, ...], problem: str | None) -> None:
    if problem is None:
        expect_rank(TensorType(shape), "Conv2d", "C, H, W")
        return
    with pytest.raises(Cause) as caught:
        expect_rank(TensorType(shape), "Conv2d", "C, H, W")
    assert caught.value.problem == problem


@pytest.mark.parametrize(("rank", "dim"), list(itertools.product([1, 2, 3], range(-5, 6))))
def test_an_axis_is_torchs_without_the_batch(rank: int, dim: int) -> None:
    x = torch.zeros(2, *range(3, 3 + rank))
    arrives = TensorType(tuple(x.shape[1:]))
    try:
        expected = x.unbind(dim)
    except IndexError:
        with pytest.raises(Cause, match="has no such axis") as caught:
            axis(dim, arrives, "Softmax")
        assert caught.value.field == "dim"
        return
    if dim in (0, -rank - 1):
        with pytest.raises(Cause, match="is the batch axis"):
            axis(dim, arrives, "Softmax")
        return
    assert arrives.shape[axis(dim, arrives, "Softmax")] == len(expected)

from __future__ import annotations

import pytest
import torch

from builder.errors import Cause
from builder.layers.merges import Add, Concat, Dot, Merging, Multiply
from builder.shapes import TensorType


def reals(*shape: int) -> TensorType:
    return TensorType(shape)


def test_equal_shapes_keep_theirs() -> None:
    inferred = Add().infer(reals(4, 3, 3), reals(4, 3, 3), reals(4, 3, 3))
    assert inferred.output == reals(4, 3, 3)
    assert (inferred.parameters, inferred.multiply_adds, inferred.how) == ({}, 0, "")


@pytest.mark.parametrize("cls", [Add, Multiply])
def test_an_axis_of_one_is_repeated(cls: type[Merging]) -> None:
    assert cls().infer(reals(4, 1, 1), reals(1, 3, 2)).output == reals(4, 3, 2)


@pytest.mark.parametrize("cls", [Add, Multiply])
def test_a_missing_axis_is_not_made_up(cls: type[Merging]) -> None:
    with pytest.raises(Cause, match="N×4×3×3 and N×3: they have 3 axes and 1"):
        cls().infer(reals(4, 3, 3), reals(3))


def test_a_clash_names_the_two_that_clash() -> None:
    with pytest.raises(Cause) as caught:
        Add(of=("a", "b", "c")).infer(reals(1, 3, 3), reals(4, 3, 3), reals(5, 3, 3))
    assert caught.value.problem == "`Add` meets N×4×3×3 (`b`) and N×5×3×3 (`c`): 4 and 5 differ on axis 1"
    assert "1×1 `Conv2d`" in (caught.value.hint or "")


def test_a_clash_of_vectors_suggests_no_convolution() -> None:
    with pytest.raises(Cause) as caught:
        Add().infer(reals(4), reals(5))
    assert caught.value.hint == "Sizes must be equal, or 1."


def test_channels_add_up() -> None:
    inferred = Concat().infer(reals(16, 8, 8), reals(32, 8, 8), reals(1, 8, 8))
    assert inferred.output == reals(49, 8, 8)
    assert inferred.how == "16 + 32 + 1 = 49"


@pytest.mark.parametrize(("dim", "shape"), [(1, (8, 3, 2)), (2, (4, 6, 2)), (3, (4, 3, 4)), (-1, (4, 3, 4))])
def test_dim_counts_the_batch_axis(dim: int, shape: tuple[int, ...]) -> None:
    assert Concat(dim=dim).infer(reals(4, 3, 2), reals(4, 3, 2)).output == reals(*shape)


def test_the_batch_axis_counted_from_the_end_is_refused_too() -> None:
    with pytest.raises(Cause, match="`dim: -4` is the batch axis"):
        Concat(dim=-4).infer(reals(4, 3, 2), reals(4, 3, 2))


def test_an_axis_of_one_is_not_repeated_when_laid_side_by_side() -> None:
    for first, second in ((3, 1), (1, 3)):
        with pytest.raises(Cause, match=f"{first} and {second} differ on axis 2"):
            Concat().infer(reals(4, first, 3), reals(4, second, 3))


def test_the_modules_compute_what_they_say() -> None:
    a, b, c = torch.tensor([[2.0, 3.0]]), torch.tensor([[5.0, 7.0]]), torch.tensor([[11.0, 13.0]])
    assert Add().build({})(a, b, c).tolist() == [[18, 23]]
    assert Multiply().build({})(a, b, c).tolist() == [[110, 273]]
    assert Concat(dim=-1).build({})(a, b, c).tolist() == [[2, 3, 5, 7, 11, 13]]
    assert a.tolist() == [[2, 3]], "the inputs stay as they were"


def test_the_inner_product_is_torchs() -> None:
    a, b = torch.randn(5, 7), torch.randn(5, 7)
    inferred = Dot().infer(reals(7), reals(7))
    assert inferred.output == reals(1)
    assert inferred.multiply_adds == 7
    torch.testing.assert_close(Dot().build({})(a, b)[:, 0], torch.linalg.vecdot(a, b))

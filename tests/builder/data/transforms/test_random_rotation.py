"""RandomRotation: right angles by hand, its fill, its draws."""

from __future__ import annotations

import pytest
import torch

from builder.data.transforms.random_rotation import RandomRotation


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (-90, -1), (180, 2), (0, 0)])
def test_right_angles_are_exact(interpolation: str, size: int, degrees: int, turns: int) -> None:
    x = torch.rand(5, 2, size, size)
    step = RandomRotation.model_validate({"degrees": [degrees, degrees], "interpolation": interpolation})
    expected = torch.rot90(x, turns, dims=(2, 3))  # anticlockwise, every image: p is 1
    torch.testing.assert_close(step.apply(x, torch.Generator()), expected, atol=1e-5, rtol=0)


def test_what_turns_in_is_fill() -> None:
    x = torch.full((1, 1, 9, 9), 0.5)
    for fill in (0.0, 1.0):
        turned = RandomRotation(degrees=(45, 45), fill=fill).apply(x, torch.Generator())
        assert turned[0, 0, 0, 0] == pytest.approx(fill)
        assert turned[0, 0, 4, 4] == pytest.approx(0.5)


def test_nearest_makes_no_new_values() -> None:
    x = (torch.rand(4, 1, 8, 8) > 0.5).float()
    turned = RandomRotation(degrees=30).apply(x, torch.Generator().manual_seed(1))
    assert set(turned.flatten().tolist()) <= {0.0, 1.0}
    assert not torch.equal(turned, x)


def test_draws_are_one_per_example_and_repeat() -> None:
    x = torch.rand(1, 1, 8, 8).expand(6, -1, -1, -1)
    step = RandomRotation(degrees=40, interpolation="bilinear")
    first, again = (step.apply(x, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first, again)
    assert len({tuple(image.flatten().tolist()) for image in first}) == 6

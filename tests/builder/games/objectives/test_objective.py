"""Every objective: its values on paper, and its gradients by hand, by torch and by finite differences."""

from __future__ import annotations

import pytest
import torch

from builder import objective
from builder.errors import Cause
from builder.games.objectives.objective import Objective, objectives

ALL = [
    *(objective(name) for name in objectives),
    objective("Minimax", label_smoothing=0.1),
    objective("NonSaturating", label_smoothing=0.25),
    objective("LeastSquares", real=1.5, fake=-1.0, generator=0.25),
]
every_objective = pytest.mark.parametrize("one", ALL, ids=lambda one: f"{type(one).__name__}-{one.plain()}")
REAL, FAKE = (
    torch.tensor([[-3.0], [0.2], [1.7]]).double(),
    torch.tensor([[-2.5], [-0.4], [0.9], [4.0]]).double(),
)


def test_there_are_five() -> None:
    assert set(objectives) == {"Minimax", "NonSaturating", "LeastSquares", "Hinge", "Wasserstein"}


@every_objective
def test_gradients_by_hand_are_torchs(one: Objective) -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    wanted = torch.autograd.grad(one.discriminator_loss(real, fake), (real, fake))
    torch.testing.assert_close(one.discriminator_gradient(REAL, FAKE), wanted)
    (wanted_fake,) = torch.autograd.grad(one.generator_loss(fake), fake)
    torch.testing.assert_close(one.generator_gradient(FAKE), wanted_fake)


@every_objective
def test_gradients_by_hand_are_finite_differences(one: Objective) -> None:
    step = 1e-6
    for chosen, gradient in enumerate(one.discriminator_gradient(REAL, FAKE)):
        for index in range(len(gradient)):
            up, down = [REAL.clone(), FAKE.clone()], [REAL.clone(), FAKE.clone()]
            up[chosen][index] += step
            down[chosen][index] -= step
            rise = one.discriminator_loss(*up) - one.discriminator_loss(*down)
            assert float(rise) / (2 * step) == pytest.approx(float(gradient[index]), abs=1e-8)
    for index, slope in enumerate(one.generator_gradient(FAKE)):
        up_, down_ = FAKE.clone(), FAKE.clone()
        up_[index] += step
        down_[index] -= step
        rise = one.generator_loss(up_) - one.generator_loss(down_)
        assert float(rise) / (2 * step) == pytest.approx(float(slope), abs=1e-8)


@every_objective
def test_logits_that_no_float_can_exponentiate(one: Objective) -> None:
    for size in (1e4, -1e4):
        far = torch.full((2, 1), size, requires_grad=True)
        for loss in (one.discriminator_loss(far, far), one.generator_loss(far)):
            (gradient,) = torch.autograd.grad(loss, far)
            assert loss.isfinite() and gradient.isfinite().all()


@every_objective
def test_means_over_whatever_shape(one: Objective) -> None:
    flat, square = torch.randn(12), torch.randn(12)
    maps = [x.reshape(3, 1, 2, 2) for x in (flat, square)]
    torch.testing.assert_close(one.discriminator_loss(flat, square), one.discriminator_loss(*maps))
    torch.testing.assert_close(one.generator_loss(flat), one.generator_loss(maps[0]))
    shapes = [g.shape for g in one.discriminator_gradient(*maps)]
    assert shapes == [maps[0].shape] * 2 and one.generator_gradient(maps[0]).shape == maps[0].shape


def test_by_name() -> None:
    assert objective("LeastSquares", real=0.9).plain() == {"real": 0.9, "fake": 0.0, "generator": 1.0}
    with pytest.raises(Cause, match="there is no objective `Hing` Did you mean `Hinge`"):
        objective("Hing")

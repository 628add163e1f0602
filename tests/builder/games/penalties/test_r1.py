"""R1 of a discriminator whose slope is known, and on some steps alone."""

from __future__ import annotations

import pytest
import torch

from builder.games.penalties.r1 import R1

REAL, FAKE = torch.randn(6, 3), torch.randn(6, 3)


def test_of_a_parabola() -> None:
    """∇‖x‖² = 2x at the real examples, wherever the made ones lie."""
    term = R1(weight=3.0).term(lambda x: x.square().sum(1), REAL, FAKE, torch.Generator())
    assert term is not None
    torch.testing.assert_close(term, 1.5 * 4 * REAL.square().sum(1).mean())


def test_every_fourth_step_fourfold() -> None:
    lazy, weight = R1(weight=2.0, every=4), torch.tensor([0.5, 0.0, 0.0])
    terms = [lazy.term(lambda x: x @ weight, REAL, FAKE, torch.Generator(), step) for step in range(8)]
    assert [step for step, term in enumerate(terms) if term is not None] == [0, 4]
    assert terms[0] is not None and terms[0].item() == pytest.approx(4 * 0.25)

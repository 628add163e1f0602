from __future__ import annotations

import torch

from builder.layers.dropout import Dropout


def test_it_drops_in_training_only() -> None:
    torch.manual_seed(0)
    module = Dropout(p=0.25).build({})
    ones = torch.ones(10_000)
    dropped = module(ones)
    assert set(dropped.tolist()) == {0.0, float(torch.tensor(4 / 3))}
    assert abs((dropped == 0).float().mean().item() - 0.25) < 0.02
    assert torch.equal(module.eval()(ones), ones)

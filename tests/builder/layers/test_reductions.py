from __future__ import annotations

import torch

from builder.layers.reductions import Max, Mean, Select
from builder.shapes import TensorType

STEPS = TensorType(("T", 4))


def test_the_axis_goes() -> None:
    assert Mean().infer(STEPS).output == TensorType((4,))
    assert Max(dim=2).infer(STEPS).output == TensorType(("T",))
    assert Max(dim=2).infer(STEPS).over is None, "the axis of steps is not reduced"
    assert Select(index=-1).infer(STEPS).over == "T"


def test_padding_of_any_value_plays_no_part() -> None:
    x = torch.tensor([[[1.0], [3.0], [torch.nan]], [[-5.0], [-7.0], [-9.0]]])
    lengths = torch.tensor([2, 3])
    assert Mean().build({})(x, lengths).tolist() == [[2.0], [-7.0]]
    assert Max().build({})(x, lengths).tolist() == [[3.0], [-5.0]]
    assert Select(index=-1).build({})(x, lengths).tolist() == [[3.0], [-9.0]]
    assert Select(index=0).build({})(x, lengths).tolist() == [[1.0], [-5.0]]

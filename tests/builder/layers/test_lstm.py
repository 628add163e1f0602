from __future__ import annotations

import pytest
import torch
from torch import nn

from builder.errors import Cause
from builder.layers.lstm import LSTM
from builder.shapes import TensorType

SEQUENCE = TensorType(("T", 28))


def test_the_sum_on_the_board() -> None:
    inferred = LSTM(hidden_size=128).infer(SEQUENCE)
    assert inferred.output == TensorType(("T", 128))
    assert inferred.how == "4·(128·28 + 128·128 + 2·128) = 80896"
    assert inferred.multiply_adds == 4 * (128 * 28 + 128 * 128)  # of one step
    assert inferred.over == "T"


def test_all_steps_of_a_fixed_axis_are_counted() -> None:
    inferred = LSTM(hidden_size=4, output="last").infer(TensorType((5, 3)))
    assert inferred.output == TensorType((4,))
    assert inferred.multiply_adds == 5 * 4 * (4 * 3 + 4 * 4)
    assert inferred.over is None


def test_layers_and_directions_in_the_sum() -> None:
    inferred = LSTM(hidden_size=4, num_layers=3, bidirectional=True, bias=False).infer(TensorType(("T", 3)))
    assert inferred.how == "2·(4·(4·3 + 4·4)) = 224;  2 times 2·(4·(4·8 + 4·4)) = 384"
    assert sum(torch.Size(shape).numel() for shape in inferred.parameters.values()) == 224 + 2 * 384


def test_ports_are_both_directions_final_states() -> None:
    inferred = LSTM(hidden_size=4, bidirectional=True, proj_size=3).infer(SEQUENCE)
    assert inferred.ports == {"h": TensorType((6,)), "c": TensorType((8,))}


def test_dropout_needs_two_layers() -> None:
    with pytest.raises(Cause) as caught:
        LSTM(hidden_size=4, dropout=0.5).infer(SEQUENCE)
    assert caught.value.field == "dropout"


def test_its_initial_weights_are_torchs() -> None:
    layer = LSTM(hidden_size=4, num_layers=2, bidirectional=True, proj_size=2)
    torch.manual_seed(3)
    ours = layer.build(layer.infer(SEQUENCE).sizes).state_dict()
    torch.manual_seed(3)
    theirs = nn.LSTM(28, 4, 2, bidirectional=True, proj_size=2).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)

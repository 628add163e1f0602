"""torch's layers at the edges of what arrives; that they obey lengths is tested with whole networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builder.runtime.cells.torch_recurrent import GRU, LSTM, RNN, TorchRecurrent

LAYERS = [LSTM, GRU, RNN]


def _made(layer: type[TorchRecurrent], both: bool = False) -> TorchRecurrent:
    return layer("sequence", input_size=3, hidden_size=5, num_layers=2, bidirectional=both, batch_first=True)


@pytest.mark.parametrize("lengths", [None, torch.zeros(0, dtype=torch.int64)])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("layer", LAYERS)
def test_an_empty_batch(layer: type[TorchRecurrent], both: bool, lengths: Tensor | None) -> None:
    module, wide = _made(layer, both), 5 * (1 + both)
    sequence, final = module.unroll(torch.zeros(0, 4, 3), lengths, ())
    assert sequence.shape == (0, 4, wide)
    assert {tuple(state.shape) for state in final} == {(2, 0, wide)}
    again, _ = module.unroll(torch.zeros(0, 4, 3), lengths, final)
    again.sum().backward()


@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_no_sequence_of_its_width_says_so(layer: type[TorchRecurrent]) -> None:
    module = _made(layer)
    with pytest.raises(ValueError, match="expected sequences of at least one step, found none"):
        module(torch.zeros(2, 0, 3))
    with pytest.raises(ValueError, match="expected N×T×3, found 2×4×6"):
        module(torch.zeros(2, 4, 6), torch.tensor([4, 1]))
    with pytest.raises(ValueError, match="expected N×T×3, found 4×3"):
        module(torch.zeros(4, 3))

"""A cell that equals one of torch's recurrent layers runs as that: oneDNN on the CPU, cuDNN on a GPU.

Torch's packed weights are assembled from the cell's named parameters at every call, as one flat array: cuDNN
wants them so, and autograd hands every parameter its gradient. Source: torch.nn.LSTM, torch.nn.GRU,
torch.nn.RNN; the order of cuDNN's flat weights: torch/csrc and ATen/native/cudnn/RNN.cpp (all matrices, then
all biases).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from builder.cells.cell import Cell
from builder.cells.meaning.correspondence import UNIT, Combination
from builder.cells.meaning.recognition import GATES, Kind, Match, recognise
from builder.runtime.cells.plain import unrolled
from builder.runtime.network.masks import reversed_by_length, valid_steps

OPERATORS: Final[Mapping[Kind, Any]] = {
    "LSTM": torch._VF.lstm,
    "GRU": torch._VF.gru,
    "RNN_TANH": torch._VF.rnn_tanh,
    "RNN_RELU": torch._VF.rnn_relu,
}
CLOSE: Final = 1e-9  # in float64; sums in another order differ by about 1e-15


@cache
def confirmed(cell: Cell) -> Match | None:
    """The torch layer that the cell equals, tried in float64 on random weights: outputs, states, gradients."""
    match = recognise(cell)
    if match is None:
        return None
    with torch.inference_mode(False), torch.enable_grad():
        return match if all(_agree(cell, match, seed) for seed in range(2)) else None


def run(
    match: Match,
    weights: Sequence[Mapping[str, Tensor]],
    x: Tensor,
    states: Mapping[str, Tensor],
    lengths: Tensor | None = None,
    num_layers: int = 1,
    directions: int = 1,
    dropout: float = 0.0,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All layers and directions in one call: the outputs N×T×(D·H), and the final states.

    ``weights`` are each layer's, forward then reverse; ``states`` the first states by the cell's names, each
    (L·D)×N×H, and so are the final ones, in the same order. ``lengths`` as in ``plain_cell.unrolled``.
    """
    flat, bias = assembled(match, weights, x, directions)
    first = [states[name] for name in match.states]
    # `train` keeps what cuDNN's backward needs; dropout is none in evaluation anyway.
    options = (bias, num_layers, dropout, torch.is_grad_enabled() or dropout > 0, directions == 2)
    operator = OPERATORS[match.kind]
    if lengths is None:
        sequence, *final = operator(x, _packed(first), flat, *options, True)
    else:
        counts = lengths.cpu()
        packed = pack_padded_sequence(x, counts.clamp(min=1), batch_first=True, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None and back is not None
        sorted_first = [state.index_select(1, order) for state in first]
        data, *final = operator(packed.data, packed.batch_sizes, _packed(sorted_first), flat, *options)
        whole = PackedSequence(data, packed.batch_sizes, order, back)
        sequence, _ = pad_packed_sequence(whole, batch_first=True, total_length=x.shape[1])
        final = [state.index_select(1, back) for state in final]
        if int(counts.min()) < 1:  # a piece of a longer sequence, where some have ended before
            inside = (counts > 0).to(x.device)[:, None]
            sequence = torch.where(inside[:, None], sequence, 0.0)
            final = [torch.where(inside, new, old) for new, old in zip(final, first, strict=True)]
    named = dict(zip(match.states, final, strict=True))
    return sequence, tuple(named[name] for name in states)


def masked(
    match: Match,
    state_names: Sequence[str],
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer in one direction with ``lengths`` and without packing: on the CPU four times as fast.

    Of the final states only the output's is right: torch gives no other one at a sequence's own end.
    """
    assert lengths is not None
    inside = valid_steps(x, lengths)[:, :, None]
    x = torch.where(inside, x, 0.0)  # nothing there may be strange: zero times it is in the gradients
    first = {name: state[None] for name, state in zip(state_names, states, strict=True)}
    sequence, final = run(match, [weights], reversed_by_length(x, lengths) if reverse else x, first)
    sequence = torch.where(inside, sequence, 0.0)
    ends = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, sequence.shape[2])
    begun = (lengths > 0)[:, None]
    output = torch.where(begun, sequence.gather(1, ends)[:, 0], first[match.states[0]][0])
    named = dict(zip(state_names, (state[0] for state in final), strict=True)) | {match.states[0]: output}
    return (reversed_by_length(sequence, lengths) if reverse else sequence), tuple(named.values())


def assembled(
    match: Match, weights: Sequence[Mapping[str, Tensor]], x: Tensor, directions: int = 1
) -> tuple[list[Tensor], bool]:
    """Torch's packed weights, in its order, as views of one array in cuDNN's; and whether there are biases."""
    hidden = weights[0][match.blocks["weight_hh"][0][0][1].name].shape[0]
    rows = len(GATES[match.kind]) * hidden
    bias = any(match.blocks["bias_ih"]) or any(match.blocks["bias_hh"])
    matrices: list[Tensor] = []
    biases: list[Tensor] = []
    widths: list[int] = []
    for place, layer in enumerate(weights):
        outer = x.shape[-1] if place < directions else hidden * directions
        sizes = {"input": outer, "hidden": hidden}
        for packed, width in (("weight_ih", outer), ("weight_hh", hidden)):
            widths.append(width)
            matrices += [
                _matrix(match, combination, layer, sizes).reshape(-1) for combination in match.blocks[packed]
            ]
        for packed in ("bias_ih", "bias_hh") if bias else ():
            biases += [_bias(combination, layer, x, hidden) for combination in match.blocks[packed]]
    lengths = [rows * width for width in widths] + [rows] * (2 * len(weights) * bias)
    parts = torch.split(torch.cat(matrices + biases), lengths)
    flat: list[Tensor] = []
    for at in range(0, len(widths), 2):
        flat += [parts[at + side].view(rows, widths[at + side]) for side in (0, 1)]
        flat += parts[len(widths) + at : len(widths) + at + 2]
    return flat, bias


def _matrix(
    match: Match, combination: Combination, weights: Mapping[str, Tensor], sizes: Mapping[str, int]
) -> Tensor:
    total: Tensor | None = None
    for factor, leaf in combination:
        columns = [sizes[width] for width in match.columns[leaf.name]]
        assert leaf.part is not None
        start = sum(columns[: leaf.part])
        block = weights[leaf.name][:, start : start + columns[leaf.part]]
        scaled = block if factor == 1 else factor * block
        total = scaled if total is None else total + scaled
    assert total is not None  # a match has no empty matrix
    return total


def _bias(combination: Combination, weights: Mapping[str, Tensor], like: Tensor, hidden: int) -> Tensor:
    total: Tensor | None = None
    for factor, leaf in combination:
        bias = like.new_ones(hidden) if leaf == UNIT else weights[leaf.name]
        scaled = bias if factor == 1 else factor * bias
        total = scaled if total is None else total + scaled
    return like.new_zeros(hidden) if total is None else total


def _packed(states: Sequence[Tensor]) -> Any:
    """The first states as torch's operators want them: an LSTM's as a list, the others' one alone."""
    return [state.contiguous() for state in states] if len(states) > 1 else states[0].contiguous()


def _agree(cell: Cell, match: Match, seed: int) -> bool:
    """Whether both ways give the same outputs, final states and gradients for one set of random numbers."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")
        return drawn.requires_grad_()

    batch, steps, hidden = 2, 4, 3
    inputs = hidden if cell.elementwise_x is not None else 2
    weights = {name: random(*shape) for name, shape in cell.parameter_shapes(inputs, hidden).items()}
    x = random(batch, steps, inputs)
    states = [random(batch, hidden) for _ in cell.state_names]
    named = {name: state[None] for name, state in zip(cell.state_names, states, strict=True)}
    sequence, final = run(match, [weights], x, named)
    expected, last = unrolled(cell, weights, x, states)
    direction = random(batch, steps, hidden).detach()
    given = [x, *states, *weights.values()]
    gradients = torch.autograd.grad((sequence * direction).sum(), given)
    wanted = torch.autograd.grad((expected * direction).sum(), given)
    pairs = zip(
        (sequence, *(state[0] for state in final), *gradients), (expected, *last, *wanted), strict=True
    )
    return all(torch.allclose(a, b, rtol=CLOSE, atol=CLOSE) for a, b in pairs)

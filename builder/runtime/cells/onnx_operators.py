"""torch's recurrent layers, and cells that equal one, as ONNX's own operators: LSTM, GRU and RNN.

ONNX's operators know lengths and free axes. Exported through torch's they would not: `nn.LSTM` fixes T,
`nn.RNN` is unrolled. torch's exporter follows a layer to a placeholder that takes its weights as they are;
afterwards they are packed as ONNX wants them. Source: https://onnx.ai/onnx/operators/ (LSTM, GRU and RNN of
opset 14).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from builder.cells.cell import Cell
from builder.cells.meaning.recognition import Kind, Match
from builder.runtime.cells.lowering import assembled, confirmed
from builder.runtime.network.masks import valid_steps

# Of the placeholders; none is left in a file. The first holds cells by their names, the second torch's layers.
OF_CELLS: Final = "gradspec.operator"
OF_TORCH: Final = "gradspec.torch"

# The operator, its options, and where torch's gates stand in ONNX's order.
OPERATORS: Final[Mapping[Kind, tuple[str, dict[str, Any], tuple[int, ...]]]] = {
    "LSTM": ("LSTM", {}, (0, 3, 1, 2)),  # i f g o → i o f g
    "GRU": ("GRU", {"linear_before_reset": 1}, (1, 0, 2)),  # r z n → z r n
    "RNN_TANH": ("RNN", {"activations": ["Tanh"]}, (0,)),
    "RNN_RELU": ("RNN", {"activations": ["Relu"]}, (0,)),
}
_STATES: Final[Mapping[Kind, int]] = {"LSTM": 2, "GRU": 1, "RNN_TANH": 1, "RNN_RELU": 1}


def operated(
    cell: Cell,
    match: Match,
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer in one direction, as ``plain_cell.unrolled`` is called. Within ``torch.onnx.export`` alone."""
    first = dict(zip(cell.state_names, states, strict=True))
    own = [weights[name] for name in cell.parameters]
    begin = [first[name] for name in match.states]
    sequence, final = _placeholder(f"{OF_CELLS}::{cell.name}", own, x, begin, lengths, reverse)
    named = dict(zip(match.states, final, strict=True))
    return sequence, tuple(named[name] for name in cell.state_names)


def operator(
    kind: Kind,
    packed: Sequence[Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The same for torch's own ``weight_ih weight_hh``, perhaps ``bias_ih bias_hh``, and order of states."""
    return _placeholder(f"{OF_TORCH}::{kind}", packed, x, states, lengths, reverse)


def with_operators(model: onnx.ModelProto, cells: Mapping[str, Cell]) -> None:
    """Makes ONNX's operator of every placeholder; ``cells`` are those of the network under their names."""
    kept = {initializer.name: initializer for initializer in model.graph.initializer}
    for node in model.graph.node:
        if node.domain == OF_TORCH:
            kind = next(kind for kind in OPERATORS if kind == node.op_type)
            packed = [_tensor(kept[name]) for name in node.input[2 + _STATES[kind] :]]
        elif node.domain == OF_CELLS:
            cell = cells[node.op_type]
            match = confirmed(cell)
            assert match is not None
            kind = match.kind
            own = (_tensor(kept[name]) for name in node.input[2 + _STATES[kind] :])
            like = torch.empty(
                0, next(attribute.i for attribute in node.attribute if attribute.name == "input_size")
            )
            packed, _ = assembled(match, [dict(zip(cell.parameters, own, strict=True))], like)
        else:
            continue
        model.graph.initializer.extend(_fill(node, kind, packed))


def _placeholder(
    name: str,
    weights: Sequence[Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    batch, hidden = states[0].shape
    sequence, *final = torch.onnx.ops.symbolic_multi_out(
        name,
        [
            x.transpose(0, 1),
            None if lengths is None else lengths.to(torch.int32),
            *(state[None] for state in states),
            *weights,
        ],
        {"hidden_size": hidden, "input_size": x.shape[2], "reverse": reverse},
        dtypes=[x.dtype] * (1 + len(states)),
        shapes=[(x.shape[1], 1, batch, hidden), *[(1, batch, hidden)] * len(states)],
    )
    sequence = sequence[:, 0].transpose(0, 1)
    if lengths is not None:  # ONNX does not say what the operators give past a length
        sequence = torch.where(valid_steps(x, lengths)[:, :, None], sequence, 0.0)
    return sequence, tuple(state[0] for state in final)


def _fill(node: onnx.NodeProto, kind: Kind, packed: Sequence[Tensor]) -> list[onnx.TensorProto]:
    """Turns the placeholder into the operator, and gives its packed weights."""
    given = {attribute.name: attribute.i for attribute in node.attribute}
    name, options, order = OPERATORS[kind]
    outer, inner, *biases = (_reordered(weights, order) for weights in packed)
    arrays = {"W": outer, "R": inner} | ({"B": torch.cat(biases)} if biases else {})
    made = {key: f"{node.output[0]}.{key}" for key in arrays}
    x, lengths, *states = node.input[: 2 + _STATES[kind]]
    filled = helper.make_node(
        name,
        [x, made["W"], made["R"], made.get("B", ""), lengths, *states],
        list(node.output),
        name=node.name,
        hidden_size=given["hidden_size"],
        direction="reverse" if given["reverse"] else "forward",
        **options,
    )
    node.CopyFrom(filled)
    return [numpy_helper.from_array(arrays[key][None].numpy(), made[key]) for key in arrays]


def _tensor(kept: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(kept).copy())


def _reordered(packed: Tensor, order: Sequence[int]) -> Tensor:
    gates = packed.chunk(len(order))
    return torch.cat([gates[gate] for gate in order])

"""Bodies of ONNX scans, run by onnxruntime, held against the cells' plain meaning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from builder.cells.cell import Cell
from builder.cells.reader import read_cells
from builder.cells.shipped import shipped, shipped_cell
from builder.cells.term import FUNCTIONS
from builder.errors import Report
from builder.language.source import read_text
from builder.runtime.cells.onnx_scan import DOMAIN, with_scans
from builder.runtime.cells.plain import unrolled

BATCH, STEPS, WIDTH = 3, 6, 4

# Every function and sign, on a state, a weight, a number, and what is the same for every example.
ALL = """
Every:
  states: [h, c]
  parameters: {p: vector, s: scalar}
  gates:
    a: softplus(W @ x) - softsign(U @ h_prev) + elu(W_2 @ x) * silu(U @ c_prev) / exp(p)
    g: gelu(W @ x) + hardsigmoid(U @ h_prev) * hardtanh(2 * (U_2 @ c_prev)) - sqrt(abs(p)) ** 2
    d: minimum(log(1 + abs(h_prev)), s) + maximum(-c_prev, 0.25) + identity(g_prev)
    e: layer_norm(W @ x + p) + layer_norm(p) + relu(W_e @ [h_prev, x, p])
    k: sigmoid(p)
    twice: x + x
  update:
    c: tanh(a) * sigmoid(g) + k * twice
    h: tanh(d + e) - c
"""


def read(text: str) -> dict[str, Cell]:
    report = Report()
    found = read_cells(read_text(text).root, report)
    assert not report.errors, report.errors
    return {name: cell for name, cell in found.items() if cell is not None}


CELLS = read(ALL) | {name: cell for name in shipped() if (cell := shipped_cell(name)) is not None}


def scan_of(cell: Cell, weights: Mapping[str, Tensor], *, reverse: bool, padded: bool) -> onnx.ModelProto:
    """A model of one placeholder, filled."""
    states = [f"{name}_0" for name in cell.state_names]
    over_time = ["x", "inside"][: 1 + padded]
    ends = [f"{name}_end" for name in cell.state_names]
    node = helper.make_node(
        cell.name, [*states, *over_time, *weights], [*ends, "sequence"], domain=DOMAIN,
        hidden_size=WIDTH, input_size=WIDTH, time_inputs=len(over_time), reverse=int(reverse),
    )  # fmt: skip
    real, boolean = onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL
    inputs = [helper.make_tensor_value_info(name, real, ["batch", WIDTH]) for name in states]
    inputs.append(helper.make_tensor_value_info("x", real, ["T", "batch", WIDTH]))
    if padded:
        inputs.append(helper.make_tensor_value_info("inside", boolean, ["T", "batch", 1]))
    outputs = [helper.make_tensor_value_info(name, real, ["batch", WIDTH]) for name in ends]
    outputs.append(helper.make_tensor_value_info("sequence", real, ["T", "batch", WIDTH]))
    kept = [numpy_helper.from_array(value.float().numpy(), name) for name, value in weights.items()]
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    graph = helper.make_graph([node], "one", inputs, outputs, kept)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    with_scans(model, {cell.name: cell})
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_a_scan_is_the_cell_unrolled(name: str, reverse: bool, padded: bool) -> None:
    cell = CELLS[name]
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64) * 0.7

    weights = {key: random(*shape) for key, shape in cell.parameter_shapes(WIDTH, WIDTH).items()}
    x, states = random(BATCH, STEPS, WIDTH), [random(BATCH, WIDTH) for _ in cell.state_names]
    lengths = torch.tensor([STEPS, 1, 4]) if padded else None
    sequence, final = unrolled(cell, weights, x, states, lengths, reverse)
    model = scan_of(cell, weights, reverse=reverse, padded=padded)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {f"{n}_0": value.float().numpy() for n, value in zip(cell.state_names, states, strict=True)}
    given["x"] = x.float().transpose(0, 1).contiguous().numpy()
    if lengths is not None:
        given["inside"] = (torch.arange(STEPS)[:, None] < lengths)[..., None].numpy()
    *ends, outputs = session.run(None, given)
    assert np.allclose(outputs.swapaxes(0, 1), sequence.numpy(), rtol=1e-4, atol=1e-5)
    for found, wanted in zip(ends, final, strict=True):
        assert np.allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_every_function_of_the_language_is_tried() -> None:
    assert {name for name in FUNCTIONS if f"{name}(" not in ALL} == set()


def test_no_placeholder_is_left() -> None:
    cell = CELLS["Every"]
    weights = {key: torch.zeros(shape) for key, shape in cell.parameter_shapes(WIDTH, WIDTH).items()}
    model = scan_of(cell, weights, reverse=False, padded=True)
    assert [(node.op_type, node.domain) for node in model.graph.node] == [("Scan", "")]
    assert not set(weights) & set(model.graph.node[0].input)  # read where they stand, by their own names
    assert {name for node in model.graph.node[0].attribute[0].g.node for name in node.input} >= set(weights)

"""Torch's layers, as cells, through ONNX's own operators: free batch and time, lengths, final states."""

from __future__ import annotations

from collections import Counter

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from builder.cells.meaning.recognition import torch_cells
from builder.runtime.cells.module import CellModule
from builder.runtime.cells.onnx_operators import with_operators
from builder.runtime.cells.placeholders import placeholders

OPERATORS = {"LSTM": "LSTM", "GRU": "GRU", "RNN_TANH": "RNN", "RNN_RELU": "RNN"}


class Ports(nn.Module):
    """The output and the final states."""

    def __init__(self, module: CellModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        output, states = self.module.unroll(x, lengths)
        return (output, *states)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("kind", OPERATORS)
def test_is_the_operator(kind: str) -> None:
    cell = {str(one): cell for one, cell in torch_cells().items()}[kind]
    module = Ports(CellModule(cell, 3, 5, 2, True, initial="learned")).eval()
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0, 0.5)
    batch, time = Dim("batch"), Dim("time")
    with placeholders():
        program = torch.onnx.export(
            module,
            (torch.randn(4, 6, 3), torch.tensor([6, 2, 1, 4])),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["x", "lengths"],
            dynamic_shapes=({0: batch, 1: time}, {0: batch}),
        )
    assert program is not None
    model = program.model_proto
    with_operators(model, {cell.name: cell})
    assert Counter(node.op_type for node in model.graph.node)[OPERATORS[kind]] == 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for n, t in ((1, 1), (3, 17), (4, 6)):
        x, lengths = torch.randn(n, t, 3), torch.randint(1, t + 1, (n,))
        found = session.run(None, {"x": x.numpy(), "lengths": lengths.numpy()})
        for got, wanted in zip(found, module(x, lengths), strict=True):
            torch.testing.assert_close(torch.from_numpy(got), wanted, rtol=1e-4, atol=1e-5)

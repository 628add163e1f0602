"""ONNX files of networks over sequences, run by onnxruntime as a user would: padded, of any length."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from builder import loads
from builder.errors import ExportError
from builder.runtime import Proof, build
from builder.runtime.export import proof as proofs
from builder.runtime.export.export import export, translated
from builder.runtime.network.module import Network

# Cells, and torch's own layers, in both directions; each reads the input.
CELLS = """
input: [T, 4]
layers:
  - {name: peephole, from: input, PeepholeLSTM: 4}
  - {name: deep, from: input, PeepholeLSTM: {hidden_size: 3, num_layers: 2, bidirectional: true, dropout: 0.5}}
  - {name: cho, from: input, ChoGRU: {hidden_size: 3, output: last, initial: learned}}
  - {name: cho_both, from: input, ChoGRU: {hidden_size: 3, output: last, bidirectional: true}}
  - {name: qrnn, from: input, QRNN: 3}
  - {name: normed, from: input, LayerNormLSTM: {hidden_size: 3, output: last}}
  - {name: independent, from: input, IndRNN: {hidden_size: 3, initial: learned}}
  - {name: vanilla, from: input, VanillaLSTM: {hidden_size: 3, bidirectional: true}}
  - {name: vanilla_last, from: input, VanillaLSTM: {hidden_size: 3, num_layers: 2, output: last}}
  - {name: lstm, from: input, LSTM: {hidden_size: 3, num_layers: 2, bidirectional: true, dropout: 0.5}}
  - {name: lstm_last, from: input, LSTM: {hidden_size: 3, bidirectional: true, output: last, bias: false}}
  - {name: gru, from: input, GRU: {hidden_size: 3, bidirectional: true}}
  - {name: gru_last, from: input, GRU: {hidden_size: 3, output: last}}
  - {name: rnn, from: input, RNN: {hidden_size: 3, bidirectional: true, nonlinearity: relu}}
  - {name: rnn_last, from: input, RNN: {hidden_size: 3, output: last}}
outputs: [peephole, deep, cho, cho_both, qrnn, normed, independent, vanilla, vanilla_last,
          lstm, lstm_last, gru, gru_last, rnn, rnn_last]
"""

# Tokens of two lengths, states handed over, a port, and all that obeys lengths beside recurrent layers.
TRANSLATION = """
inputs: {heard: {shape: [S], vocabulary: 7}, said: {shape: [T], vocabulary: 9}}
layers:
  - {from: heard, Embedding: 6}
  - PositionalEncoding
  - {name: attends, MultiheadAttention: {num_heads: 2}}
  - {name: encoder, LSTM: {hidden_size: 3, bidirectional: true}}
  - {name: peeped, from: attends, PeepholeLSTM: {hidden_size: 5}}
  - {from: said, Embedding: 4}
  - {name: words, LayerNorm}
  - {name: decoder, state_from: encoder, LSTM: 6}
  - {name: next, Linear: 9}
  - {name: second, from: words, state_from: peeped, PeepholeLSTM: {hidden_size: 5, output: last}}
  - {name: mean, from: decoder, Mean}
  - {name: most, from: decoder, Max}
  - {name: final, from: decoder, Select: -1}
  - {name: first, from: decoder, Select: 0}
  - {name: memory, from: encoder.c, Linear: 2}
outputs: [next, second, mean, most, final, first, memory]
"""

PLAIN = "input: [T, 4]\nlayers: [{Linear: 3}, ReLU]\n"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Proof, Path]:
    """The network of cells, and its file; not to be changed."""
    return exported(CELLS, tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def translation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Proof, Path]:
    """The network of two free axes, and its file; not to be changed."""
    return exported(TRANSLATION, tmp_path_factory.mktemp("translation"))


def exported(text: str, folder: Path) -> tuple[Network, Proof, Path]:
    network = build(loads(text), 1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(".initial"):
                parameter.normal_()
    return network, export(network, folder / "model.onnx"), folder / "model.onnx"


def run(path: Path, given: dict[str, Tensor]) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, {k: x.numpy() for k, x in given.items()}), strict=True))


def same(network: Network, path: Path, given: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        expected: Any = network.eval()(**given)
    found = run(path, given)
    assert list(found) == list(expected)
    for name, wanted in expected.items():
        assert np.allclose(found[name], wanted.numpy(), atol=1e-5), name


def signature(path: Path) -> dict[str, list[Any]]:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return {one.name: one.shape for one in (*session.get_inputs(), *session.get_outputs())}


def test_padded_sequences_of_any_length(cells: tuple[Network, Proof, Path]) -> None:
    network, proof, path = cells
    assert (proof.batches, proof.steps) == ((1, 2, 5), (1, 7, 13))
    assert proof.largest <= proof.allowed
    shapes = signature(path)
    assert shapes["input"] == ["batch", "T", 4]
    assert shapes["input_lengths"] == ["batch"]
    assert list(shapes)[:3] == ["input", "input_lengths", "peephole"]
    assert shapes["lstm"] == shapes["deep"] == ["batch", "T", 6]
    assert shapes["rnn_last"] == ["batch", 3]
    for batch, steps in ((1, 2), (4, 40)):
        lengths = torch.randint(1, steps + 1, (batch,))
        same(network, path, {"input": torch.randn(batch, steps, 4), "input_lengths": lengths})


def test_padding_changes_nothing(cells: tuple[Network, Proof, Path]) -> None:
    x, lengths = torch.randn(2, 9, 4), torch.tensor([9, 4])
    found = run(cells[2], {"input": x, "input_lengths": lengths})
    other = run(
        cells[2], {"input": torch.where(torch.arange(9)[:, None] < 4, x, 1e3), "input_lengths": lengths}
    )
    alone = run(cells[2], {"input": x[1:, :4], "input_lengths": lengths[1:]})
    for name, array in found.items():
        assert np.array_equal(array[1], other[name][1]), name
        assert np.allclose(array[1, :4] if array.ndim == 3 else array[1], alone[name][0], atol=1e-6), name
        if array.ndim == 3:
            assert not array[1, 4:].any()


def test_cells_equal_to_torchs_are_operators_and_others_one_scan_each(
    cells: tuple[Network, Proof, Path],
) -> None:
    model = onnx.load(cells[2])
    onnx.checker.check_model(model, full_check=True)
    operators = Counter(node.op_type for node in model.graph.node)
    assert {name: operators[name] for name in ("LSTM", "GRU", "RNN", "Scan", "Loop")} == {
        "LSTM": 2 + 2 + 4 + 2, "GRU": 2 + 1, "RNN": 2 + 1, "Scan": 1 + 4 + 1 + 2 + 1 + 1 + 1, "Loop": 0,
    }  # fmt: skip
    assert {entry.domain for entry in model.opset_import} == {""}
    assert not model.functions
    kept = {one.name for one in model.graph.initializer}
    assert {"deep.l1_reverse.o.p", "cho.n.U", "lstm_last.weight_ih_l0"} & kept == {
        "deep.l1_reverse.o.p",
        "cho.n.U",
    }
    assert not any(one.HasField("data_location") and one.data_location for one in model.graph.initializer)


def test_encoder_and_decoder_of_two_lengths(translation: tuple[Network, Proof, Path]) -> None:
    network, _, path = translation
    shapes = signature(path)
    assert list(shapes)[:4] == ["heard", "said", "heard_lengths", "said_lengths"]
    assert (shapes["heard"], shapes["said"]) == (["batch", "S"], ["batch", "T"])
    assert shapes["next"] == ["batch", "T", 9]
    given = {"heard": torch.randint(7, (3, 11)), "said": torch.randint(9, (3, 5))}
    given |= {"heard_lengths": torch.tensor([11, 1, 6]), "said_lengths": torch.tensor([2, 5, 1])}
    same(network, path, given)
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_nothing_grows_with_the_length_that_was_traced() -> None:
    text = """
input: [T, 3]
layers: [{PeepholeLSTM: {hidden_size: 3, bidirectional: true}}, {RNN: 3}]
"""
    network = build(loads(text)).eval()
    short, long = (translated(network, steps) for steps in (3, 23))
    assert [node.op_type for node in short.graph.node] == [node.op_type for node in long.graph.node]
    assert len(short.graph.node) < 60


def test_without_a_layer_that_obeys_lengths_there_are_none(tmp_path: Path) -> None:
    network, proof, path = exported(PLAIN, tmp_path)
    assert signature(path) == {"input": ["batch", "T", 4], "output": ["batch", "T", 3]}
    assert proof.steps == (1, 7, 13)
    x = torch.randn(2, 4, 4)
    assert np.allclose(run(path, {"input": x})["output"], network(x).detach(), atol=1e-6)


def test_only_lengths_that_are_obeyed_are_asked_for(tmp_path: Path) -> None:
    text = """
inputs: {a: [S, 3], b: [T, 3]}
layers:
  - {name: left, from: a, Linear: 2}
  - {name: right, from: b, Mean}
outputs: [left, right]
"""
    network, _, path = exported(text, tmp_path)
    assert list(signature(path)) == ["a", "b", "b_lengths", "left", "right"]
    given = {"a": torch.randn(2, 3, 3), "b": torch.randn(2, 6, 3), "b_lengths": torch.tensor([2, 6])}
    same(network, path, given)


def test_a_fixed_number_of_steps_needs_no_lengths(tmp_path: Path) -> None:
    text = "input: [6, 3]\nlayers: [{LSTM: {hidden_size: 4, bidirectional: true}}, {ChoGRU: 3}, Flatten]\n"
    _, proof, path = exported(text, tmp_path)
    assert signature(path) == {"input": ["batch", 6, 3], "output": ["batch", 18]}
    assert (proof.batches, proof.steps) == ((1, 5), ())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_projected_state(tmp_path: Path) -> None:
    text = "input: [T, 3]\nlayers: [{LSTM: {hidden_size: 4, proj_size: 2, output: last}}]\n"
    _, proof, _ = exported(text, tmp_path)
    assert proof.largest <= proof.allowed


def test_a_file_that_ignores_lengths_is_refused() -> None:
    network = build(loads("input: [T, 3]\nlayers: [{LSTM: {hidden_size: 3, bidirectional: true}}]\n")).eval()
    model = translated(network)
    for node in model.graph.node:
        if node.op_type == "LSTM":
            node.input[4] = ""
    with pytest.raises(ExportError, match=r"`output` differs by .* at batch 2, T 7, and .* is allowed"):
        proofs.prove(network, model)


def test_a_wrong_equation_in_a_scan_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from builder.runtime.cells import onnx_scan

    wrong = onnx_scan._OPERATORS | {"tanh": ("Softsign", {})}
    monkeypatch.setattr(onnx_scan, "_OPERATORS", wrong)
    network = build(loads("input: [T, 3]\nlayers: [{PeepholeLSTM: 3}]\n"))
    with pytest.raises(
        ExportError, match=r"does not equal the network: `output` differs by .* at batch 1, T 1"
    ):
        export(network, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())

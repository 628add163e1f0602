from __future__ import annotations

import pytest

from builder import infer, loads
from builder.errors import Cause
from builder.layers.shared.recurrent import expect_steps
from builder.shapes import TensorType

TRANSLATION = """
inputs: {source: {shape: [S], vocabulary: 20}, target: [T, 5]}
layers:
  - {name: words, from: source, Embedding: 8}
  - {name: encoder, LSTM: {hidden_size: 6, bidirectional: true}}
  - {name: decoder, from: target, state_from: encoder, LSTM: 12}
  - {name: said, Linear: 20}
  - {name: mood, from: encoder.h, Linear: 2}
outputs: [said, mood, encoder.c]
"""


def test_a_sequence_is_steps_and_features() -> None:
    assert expect_steps(TensorType(("T", 28)), "LSTM") == ("T", 28)
    assert expect_steps(TensorType((9, 28)), "LSTM") == (9, 28)
    with pytest.raises(Cause, match="needs a sequence of 2 axes"):
        expect_steps(TensorType((28,)), "LSTM")


def test_ports_and_states_in_the_graph() -> None:
    graph = infer(loads(TRANSLATION))
    assert graph.by_name["decoder"].starts_from == "encoder"
    assert graph.by_name["mood"].inputs == ("encoder.h",)
    assert graph.output_types == {
        "said": TensorType(("T", 20)),
        "mood": TensorType((2,)),
        "encoder.c": TensorType((12,)),
    }
    assert graph.lengths == {"S": "source", "T": "target"}
    assert graph.by_name["decoder"].over == "T"


def test_a_resolved_spec_keeps_ports_and_states() -> None:
    import yaml

    spec = loads(TRANSLATION)
    again = loads(yaml.safe_dump(spec.resolved(), sort_keys=False))
    assert infer(again).layers[2].starts_from == "encoder"
    assert infer(again).state == infer(spec).state
    assert again.resolved() == spec.resolved()


def test_reading_a_port_reads_the_layer() -> None:
    text = "input: [T, 3]\nlayers: [{name: e, GRU: 4}, {name: a, from: e.h, Linear: 2}]\n"
    assert infer(loads(text)).complete
    inside = """
input: [T, 3]
blocks: {Reader: {layers: [{name: inner, GRU: 4}, {from: inner.h, Linear: 2}]}}
layers: [Reader]
"""
    assert infer(loads(inside)).by_name["reader_1.linear_1"].inputs == ("reader_1.inner.h",)

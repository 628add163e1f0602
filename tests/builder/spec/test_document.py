"""What the data says of itself: `$vocabulary` and `$classes` in a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from builder import loads
from builder.elaborate.resolve import to_yaml

COPY = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: $(vocabulary * 2)}, {GRU: 4}, {Linear: $classes}]
data: {source: {CopyMemory: 5}}
"""

Complaints = Callable[[Callable[[], object]], list[str]]


def test_the_spec_reads_what_the_data_holds() -> None:
    spec = loads(COPY)
    assert spec.inputs["input"].vocabulary == 10
    assert [use.output for use in spec.graph.layers] == [("T", 20), ("T", 4), ("T", 9)]
    assert loads(COPY.replace("$vocabulary}", "10}")).graph.state == spec.graph.state


def test_a_constant_of_that_name_is_the_authors_own() -> None:
    assert loads("constants: {classes: 9}" + COPY).graph.outputs == loads(COPY).graph.outputs
    assert loads("constants: {vocabulary: 10}" + COPY).inputs["input"].vocabulary == 10


def test_data_that_is_wrong_is_one_error(complaints: Complaints, tmp_path: Path) -> None:
    text = COPY.replace("CopyMemory: 5", "Text: gone.txt")
    (told,) = complaints(lambda: loads(text, folder=tmp_path))
    assert "there is no file `gone.txt`" in told
    (told,) = complaints(lambda: loads(COPY.replace("CopyMemory: 5", "CopyMemory: 0")))
    assert "expected a whole number of at least 1, found 0" in told


def test_a_hole_in_the_data_is_no_error() -> None:
    spec = loads(COPY.replace("CopyMemory: 5", "CopyMemory: ???"))
    assert len(spec.holes) == 1 and not spec.graph.complete


def test_a_resolved_spec_is_a_network_without_its_data_too() -> None:
    """What ``$classes`` meant is written down: who has the run's spec alone can still build it."""
    spec = loads(
        "constants: {width: 4}\n"
        "input: {shape: [T], vocabulary: $vocabulary}\n"
        "layers: [{Embedding: $width}, {GRU: 3}, {Linear: $classes}]\n"
        "data: {source: {Tokens: {shipped: oanc}}}\n"
    )
    resolved = spec.resolved()
    assert resolved["constants"] == {"classes": 12, "width": 4}
    alone = loads(to_yaml({key: value for key, value in resolved.items() if key != "data"}))
    assert alone.graph.state == spec.graph.state
    assert loads(to_yaml(resolved)).graph.state == spec.graph.state

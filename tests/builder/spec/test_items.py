"""Items as they are written: a layer type with its fields, what may stand beside it, and what is left open."""

from __future__ import annotations

import pytest

from builder.errors import Report
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.spec.items import ItemReader
from builder.spec.written import Item


def read(text: str, *, misspelt: bool = False) -> tuple[tuple[Item, ...], list[str]]:
    root = read_text(text, "f").root
    assert isinstance(root, Mapping)
    report = Report()
    items = ItemReader(report, misspelt=misspelt).layers(root.get("layers"), root.place, "a spec")
    return items, [str(error) for error in report.errors]


def test_an_item_holds_the_type_and_what_stands_beside_it() -> None:
    (relu, linear), errors = read("layers: [ReLU, {name: end, from: [a, b], Linear: 10}]")
    assert errors == []
    assert (relu.kind, relu.fields, relu.name) == ("ReLU", None, None)
    assert (linear.kind, linear.name, [name for name, _ in linear.sources or ()]) == (
        "Linear",
        "end",
        ["a", "b"],
    )


def test_a_group_holds_its_own_items() -> None:
    (group,), errors = read("layers: [{repeat: 2, layers: [ReLU, {Linear: 3}]}]")
    assert errors == [] and group.kind is None
    assert [item.kind for item in group.layers or ()] == ["ReLU", "Linear"]


@pytest.mark.parametrize("text", ["layers: ???", "layers: [???]", "layers: [{Linear: 3, ???: 1}]"])
def test_what_is_open_is_unknown_and_no_error(text: str) -> None:
    (item,), errors = read(text)
    assert item.unknown and errors == []


def test_two_types_in_one_item_are_an_error_at_the_second() -> None:
    (item,), errors = read("layers: [{ReLU: {}, Tanh: {}}]")
    assert item.unknown
    assert errors == [
        "f:1:21: layers[0].Tanh: an item of `layers` has one layer type, found `ReLU` and `Tanh` "
        "Hint: Begin a new item with `- ` for each layer."
    ]


def test_layers_that_are_missing_are_reported_once() -> None:
    assert read("input: [3]")[1] == [
        "f:1:1: a spec needs `layers` Hint: As in `layers: [Flatten, {Linear: 10}]`."
    ]
    (item,), errors = read("layer: [ReLU]", misspelt=True)  # the key is reported where keys are read
    assert item.unknown and errors == []

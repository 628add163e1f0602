"""What leaves a worker as JSON comes back as the network that it was."""

from __future__ import annotations

import json

import pytest

from builder import loads
from builder.cells.shipped import shipped, shipped_cell
from builder.errors import SpecErrors
from grader.outline import Outline, cell_of, revived, torch_cell

RECURRENT = """
input: [T, 3]
layers: [{LSTM: {hidden_size: 4}}, {Linear: 2}]
"""


def test_an_outline_comes_back_from_json() -> None:
    outline = Outline.of(loads(RECURRENT).graph)
    assert Outline.from_json(json.loads(json.dumps(outline.to_json()))) == outline


def test_the_cell_of_a_recurrent_layer_is_torchs() -> None:
    lstm, linear = Outline.of(loads(RECURRENT).graph).layers
    assert cell_of(lstm) is torch_cell("LSTM") is not None
    assert cell_of(linear) is None


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_shipped_cell_survives_the_way_to_the_scorer(name: str) -> None:
    cell = shipped_cell(name)
    assert cell is not None
    again = revived(name, json.loads(json.dumps({k: v for k, v in cell.written.items() if k != "init"})))
    assert again.parameters == cell.parameters
    assert [one.term for one in again.equations] == [one.term for one in cell.equations]


def test_what_is_no_cell_is_refused() -> None:
    with pytest.raises(SpecErrors):
        revived("A", {"states": ["h"], "update": {"h": "__import__('os')"}})

"""Every shipped cell says where it is from."""

from __future__ import annotations

import subprocess
import sys

import pytest

from builder import loads
from builder.cells.shipped import note, shipped, shipped_cell
from builder.language.names import check_name

# How many matrices each equation's paper has on the input, how many on the state, and how many vectors.
COUNTS = {
    "ElmanRNN": (1, 1, 1),
    "VanillaLSTM": (4, 4, 4),
    "ChoGRU": (3, 3, 3),
    "PeepholeLSTM": (4, 4, 7),
    "CoupledLSTM": (3, 3, 3),
    "V": (4, 4, 7),
    "NIG": (3, 3, 5),
    "NFG": (3, 3, 5),
    "NOG": (3, 3, 5),
    "NIAF": (4, 4, 7),
    "NOAF": (4, 4, 7),
    "CIFG": (3, 3, 5),
    "NP": (4, 4, 4),
    "FGR": (4, 4 + 9, 7),
    "MUT1": (2, 2, 3),
    "MUT2": (2, 3, 3),
    "MUT3": (3, 3, 3),
    "MGU": (2, 2, 2),
    "SRU": (3, 0, 4),
    "SRU2017": (3, 0, 2),
    "QRNN": (3, 0, 0),
    "MinGRU": (2, 0, 2),
    "MinLSTM": (3, 0, 3),
    "IndRNN": (1, 0, 2),
    "LayerNormLSTM": (4, 4, 14),
}
EQUAL_WIDTHS = {"MUT1", "MUT2", "SRU", "SRU2017"}  # the input meets the state value by value


def test_every_shipped_cell_is_counted_by_hand() -> None:
    assert set(shipped()) == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_a_shipped_cell_is_a_layer_type(name: str) -> None:
    hidden, width = 5, 5 if name in EQUAL_WIDTHS else 3
    found = loads(f"input: [T, {width}]\nlayers: [{name}: {hidden}]")
    assert check_name(name) == name
    assert found.advice == ()
    (layer,) = found.graph.layers
    assert (layer.type, layer.output) == (name, ("T", hidden))
    on_input, on_state, vectors = COUNTS[name]
    assert layer.multiply_adds == hidden * (on_input * width + on_state * hidden)
    assert layer.parameters == layer.multiply_adds + vectors * hidden


def test_there_is_no_shipped_cell_of_another_name() -> None:
    assert shipped_cell("Conv2d") is None


def test_the_shipped_library_is_read_when_it_is_needed_only() -> None:
    code = (
        "import sys; from builder import loads; loads('input: [4]\\nlayers: [{Linear: 2}]');"
        "sys.exit('builder.cells.shipped' in sys.modules or 'builder.cells.reader' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("name", shipped())
def test_every_cell_has_a_note(name: str) -> None:
    assert note(name).endswith((".", ")")), name


def test_a_note_is_one_paragraph() -> None:
    assert note("PeepholeLSTM").startswith('Gers & Schmidhuber, "Recurrent Nets that Time and Count" (2000)')
    assert "#" not in note("VanillaLSTM") and "\n" not in note("VanillaLSTM")


def test_an_unknown_cell() -> None:
    with pytest.raises(KeyError):
        note("NoSuchCell")

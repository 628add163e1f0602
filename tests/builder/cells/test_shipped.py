"""Every shipped cell says where it is from."""

from __future__ import annotations

import pytest

from builder.cells.shipped import note
from builder.spec.library import shipped


@pytest.mark.parametrize("name", shipped())
def test_every_cell_has_a_note(name: str) -> None:
    assert note(name).endswith((".", ")")), name


def test_a_note_is_one_paragraph() -> None:
    assert note("PeepholeLSTM").startswith('Gers & Schmidhuber, "Recurrent Nets that Time and Count" (2000)')
    assert "#" not in note("VanillaLSTM") and "\n" not in note("VanillaLSTM")


def test_an_unknown_cell() -> None:
    with pytest.raises(KeyError):
        note("NoSuchCell")

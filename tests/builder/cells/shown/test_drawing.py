"""Pictures: well-formed, whole, within their frame, and without anything of a user's as markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from builder.cells.cell import Cell
from builder.cells.shipped import shipped, shipped_cell
from builder.cells.shown.data_flow import data_flow
from builder.cells.shown.drawing import draw

SVG = "{http://www.w3.org/2000/svg}"


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)]


@pytest.mark.parametrize("name", shipped())
def test_library_cells(name: str) -> None:
    cell = shipped_cell(name)
    assert cell is not None
    root = ElementTree.fromstring(draw(cell))
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    nodes = list(data_flow(cell).values())
    assert len(root.findall(f".//{SVG}circle")) == sum(node.shape == "circle" for node in nodes)
    boxes = list(root.findall(f".//{SVG}g/{SVG}rect"))
    assert len(boxes) == sum(node.shape == "box" for node in nodes)
    assert len(root.findall(f"{SVG}polygon")) == sum(len(node.reads) for node in nodes)
    shown = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert {f"{state}t" for state in cell.states} <= set(shown)
    for polygon in root.findall(f"{SVG}polygon"):
        x, y, *_ = numbers(polygon.attrib["points"])
        assert 0 < x < wide and 0 < y < high
    corners = [tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height")) for box in boxes]
    for i, (x, y, w, h) in enumerate(corners):
        for other_x, other_y, other_w, other_h in corners[:i]:
            apart = x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y
            assert apart, "two boxes lie on each other"


def test_equations_are_shown_where_the_pointer_rests() -> None:
    cell = shipped_cell("VanillaLSTM")
    assert cell is not None
    titles = {title.text for title in ElementTree.fromstring(draw(cell)).iter(f"{SVG}title")}
    assert {"VanillaLSTM", "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ", "hₜ = oₜ ⊙ tanh(cₜ)"} <= titles


def test_many_states(cell: Callable[..., Cell]) -> None:
    """More states than there are colours; one only passes its value on."""
    names = [f"s{i}" for i in range(7)]
    update = "\n".join(
        f"  {name}: tanh({before}_prev + U @ {name}_prev + W @ x)"
        for name, before in zip(names, names[1:] + names[:1], strict=True)
    )
    root = ElementTree.fromstring(draw(cell(f"states: [{', '.join(names)}]\nupdate:\n{update}")))
    assert len(root.findall(f".//{SVG}g/{SVG}rect")) >= len(names)


def test_long_names_have_room_and_what_reads_no_input_is_drawn(cell: Callable[..., Cell]) -> None:
    root = ElementTree.fromstring(
        draw(
            cell(
                "states: [a_rather_long_state]\nupdate: {a_rather_long_state: tanh(a_rather_long_state_prev + W @ x)}"
            )
        )
    )
    frame = float(root.findall(f"{SVG}rect")[1].attrib["x"])
    before, *_ = (text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("a_rather"))
    assert float(before.attrib["x"]) + 9 * len(before.text or "") < frame
    assert draw(cell("states: [h]\nupdate: {h: tanh(U @ h_prev)}"))


def test_the_same_cell_gives_the_same_picture() -> None:
    cell = shipped_cell("MGU")
    assert cell is not None
    assert draw(cell) == draw(cell)

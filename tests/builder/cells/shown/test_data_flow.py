"""What is drawn of a cell: its nodes and what each reads."""

from __future__ import annotations

from builder.cells.cell import Cell
from builder.cells.shipped import shipped, shipped_cell
from builder.cells.shown.data_flow import Node, data_flow


def library(name: str) -> Cell:
    cell = shipped_cell(name)
    assert cell is not None
    return cell


def reads(nodes: dict[str, Node], gives: str) -> dict[str, tuple[str, ...]]:
    """What the node reads that gives a value, by what those give or are."""
    (node,) = (node for node in nodes.values() if node.gives == gives)
    return {one: nodes[one].reads for one in node.reads}


def test_a_gate_is_one_box() -> None:
    nodes = data_flow(library("VanillaLSTM"))
    (forget,) = (node for node in nodes.values() if node.gives == "f")
    assert (forget.shape, forget.sign, set(forget.reads)) == ("box", "σ", {"x", "h_prev"})
    assert forget.equation == "fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)"
    assert sorted(node.sign for node in nodes.values() if node.shape == "circle") == ["+", "⊙", "⊙", "⊙"]
    assert [node.sign for node in nodes.values() if node.shape == "sink"] == ["h", "c"]


def test_a_peephole_is_read_by_its_box() -> None:
    nodes = data_flow(library("PeepholeLSTM"))
    out = next(node for node in nodes.values() if node.gives == "o")
    cell = next(node for node in nodes.values() if node.gives == "c")
    assert set(out.reads) == {"x", "h_prev", cell.name}


def test_what_a_matrix_multiplies_is_a_node_of_its_own() -> None:
    nodes = data_flow(library("ChoGRU"))
    candidate = reads(nodes, "n")
    (product,) = (read for read in candidate.values() if read)
    assert set(product) == {"h_prev", next(name for name, node in nodes.items() if node.gives == "r")}
    assert "1−" in {node.sign for node in nodes.values()}


def test_what_is_written_twice_is_drawn_once() -> None:
    nodes = data_flow(library("MinLSTM"))
    assert sum(node.sign == "+" for node in nodes.values()) == 2  # f + i, and the new state


def test_every_library_cell() -> None:
    for name in shipped():
        nodes = data_flow(library(name))
        seen: set[str] = set()
        for node in nodes.values():
            assert set(node.reads) <= seen, (name, node)
            seen.add(node.name)
        read = {one for node in nodes.values() for one in node.reads}
        assert {one for one, node in nodes.items() if node.shape != "sink"} == read, name

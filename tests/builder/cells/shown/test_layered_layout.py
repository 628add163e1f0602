"""Layouts: every wire leads one column on, orders are kept, and what can be straight is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builder.cells.shown.layered_layout import Layout, Stop, lay_out

BELT = {
    "a": ("c", "x"),
    "b": ("h", "x"),
    "c2": ("c", "a"),
    "d": ("c2",),
    "h2": ("d", "b"),
    "C": ("c2",),
    "H": ("h2",),
}


def crossings(layout: Layout) -> int:
    at = layout.row
    return sum(
        a.column == c.column and (at[a] - at[c]) * (at[b] - at[d]) < 0
        for i, (a, b) in enumerate(layout.wires)
        for c, d in layout.wires[:i]
    )


def test_columns_and_rows() -> None:
    layout = lay_out(BELT, ["c", "h", "x"], ["C", "H"], [("c", "C"), ("h", "H")])
    assert layout.column == {"c": 0, "h": 0, "x": 0, "a": 1, "b": 1, "c2": 2, "d": 3, "h2": 4, "C": 5, "H": 5}
    assert layout.row[Stop("c", 0)] == layout.row[Stop("c2", 2)] == layout.row[Stop("C", 5)]
    assert layout.columns == 6
    assert crossings(layout) == 1  # c and x must both reach a, which h passes


def test_a_chain_is_straight() -> None:
    layout = lay_out({"b": ("a",), "c": ("b",)}, ["a"], ["c"])
    assert set(layout.row.values()) == {0}
    assert layout.rows == 1


@given(st.lists(st.sets(st.integers(0, 12), max_size=3), min_size=1, max_size=9))
def test_any_graph(reads: list[set[int]]) -> None:
    """Each value reads some of those before it; the first two read nothing."""
    names = ["s", "x", *(f"v{i}" for i in range(len(reads)))]
    graph = {f"v{i}": tuple(sorted({names[n % (i + 2)] for n in some})) for i, some in enumerate(reads)}
    graph["end"] = (names[-1],)
    layout = lay_out(graph, ["s", "x"], ["end"], [("s", "end")])
    assert all(b.column == a.column + 1 for a, b in layout.wires)
    for value, sources in graph.items():
        for source in sources:
            assert layout.column[source] < layout.column[value]
    taken = [(stop.column, row) for stop, row in layout.row.items()]
    assert len(set(taken)) == len(taken)
    assert min(layout.row.values()) == 0
    assert layout.row[Stop("s", 0)] < layout.row[Stop("x", 0)]

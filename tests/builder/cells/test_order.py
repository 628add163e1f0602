"""The order of a cell's equations."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.cells.order import Circle, leading_to, ordered
from builder.cells.term import Apply, Read, Term, parts


def term(*reads: str) -> Term:
    """A term that reads these names at this step, and `h` one step before."""
    return Apply("sum", (*(Read(name, offset=at) for at, name in enumerate(reads)), Read("h", True)))


def test_an_order_keeps_to_the_file_where_it_can() -> None:
    assert ordered({"i": term("x"), "f": term("x"), "h": term("i", "f")}) == ["i", "f", "h"]
    assert ordered({"o": term("c"), "i": term(), "h": term("o", "c"), "c": term("i")}) == ["i", "c", "o", "h"]
    assert ordered({}) == []


@pytest.mark.parametrize(
    ("terms", "owner", "offset", "chain"),
    [
        ({"h": term("x", "h")}, "h", 1, "h → h"),
        ({"i": term("c"), "c": term("x", "i")}, "i", 0, "i → c → i"),
        ({"a": term("b"), "b": term("x", "c"), "c": term("x", "x", "b")}, "b", 1, "b → c → b"),
        ({"k": term(), "a": term("k", "b"), "b": term("c"), "c": term("k", "a")}, "a", 1, "a → b → c → a"),
    ],
)
def test_a_circle_is_shown(terms: dict[str, Term], owner: str, offset: int, chain: str) -> None:
    with pytest.raises(Circle) as caught:
        ordered(terms)
    assert (caught.value.owner, caught.value.offset) == (owner, offset)
    assert caught.value.problem.endswith(chain)


@given(st.lists(st.sets(st.integers(0, 11)), min_size=12, max_size=12))
def test_any_equations_are_ordered_or_go_in_a_circle(reads: list[set[int]]) -> None:
    terms = {f"g{n}": term(*(f"g{m}" for m in sorted(found))) for n, found in enumerate(reads)}
    try:
        order = ordered(terms)
    except Circle as circle:
        names = circle.problem.rpartition(": ")[2].split(" → ")
        assert names[0] == names[-1] == circle.owner
        for here, read in pairwise(names):
            assert Read(read) in parts(terms[here])
        return
    assert sorted(order) == sorted(terms)
    for at, name in enumerate(order):
        assert {f"g{m}" for m in reads[int(name[1:])]} <= set(order[:at])


def test_a_long_chain_is_no_deep_recursion() -> None:
    chain = {f"g{n}": term(f"g{n + 1}") for n in range(5000)} | {"g5000": term("x")}
    assert ordered(chain)[0] == "g5000"


def test_what_leads_to_the_states() -> None:
    terms = {"i": term(), "j": term("k"), "k": term("j"), "f": term("i"), "h": term("f")}
    assert leading_to(["h"], terms) == {"h", "f", "i"}

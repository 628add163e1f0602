"""A picture's layout in columns: what reads a value stands to its right, and lines cross as little as may be.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981):
columns by the longest way from the left, values that pass a column take a row of it too, orders by
barycentres. Rows are whole numbers, so that what can be straight is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

SWEEPS: Final = 12
BEND: Final = 1
BEND_ON_RAIL: Final = 3  # what leads through the picture is kept straight
BEND_IN_PASSING: Final = 4  # and most of all a value that only passes

Wire = tuple["Stop", "Stop"]


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """A value in a column: where it is made, or where it passes."""

    value: str
    column: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands. ``wires`` lead from a stop to one in the next column, in the order of reading.

    ``column`` holds where each value is made, ``row`` every stop's row from the top.
    """

    column: dict[str, int]
    row: dict[Stop, int]
    wires: tuple[Wire, ...]

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return max(self.column.values()) + 1

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return max(self.row.values()) + 1


def lay_out(
    reads: Mapping[str, Sequence[str]],
    first: Sequence[str],
    last: Sequence[str],
    rails: Sequence[tuple[str, str]] = (),
) -> Layout:
    """Lays out values, each with those that it reads, listed after what they read.

    ``first`` and ``last`` are the first and the last column, from the top; ``first`` reads nothing. Each of
    ``rails`` is a value and another that follows from it: the shortest way between them is kept straight.
    """
    column = dict.fromkeys(first, 0)
    for value, sources in reads.items():
        if value not in column:
            column[value] = 1 + max((column[source] for source in sources), default=0)
    end = max((column[value] for value in reads if value not in last), default=0) + 1
    column |= dict.fromkeys(last, end)
    wires = tuple(dict.fromkeys(_wires(reads, column)))
    order = _ordered(column, wires, first, last)
    ways = {step for source, target in rails for step in pairwise(_way(reads, source, target))}
    cost = {(a, b): _cost(a, b, (a.value, b.value) in ways) for a, b in wires}
    return Layout(column, _rows(order, cost), wires)


def _way(reads: Mapping[str, Sequence[str]], source: str, target: str) -> tuple[str, ...]:
    """The shortest way from one value to another; empty if there is none."""
    ways: list[tuple[str, ...]] = [(target,)]
    for way in ways:  # it grows
        if way[0] == source:
            return way
        ways.extend((before, *way) for before in reads.get(way[0], ()))
    return ()


def _cost(source: Stop, target: Stop, on_rail: bool) -> int:
    """What it costs if a wire climbs by one row."""
    if source.value == target.value:
        return BEND_IN_PASSING
    return BEND_ON_RAIL if on_rail else BEND


def _wires(reads: Mapping[str, Sequence[str]], column: Mapping[str, int]) -> Iterator[Wire]:
    for value, sources in reads.items():
        for source in sources:
            way = [Stop(source, at) for at in range(column[source], column[value])]
            yield from pairwise([*way, Stop(value, column[value])])


def _ordered(
    column: Mapping[str, int], wires: Sequence[Wire], first: Sequence[str], last: Sequence[str]
) -> list[list[Stop]]:
    """The stops of every column from the top, by sweeps that keep the order with the fewest crossings."""
    end = max(column.values())
    order: list[list[Stop]] = [[] for _ in range(end + 1)]
    for stop in dict.fromkeys(
        [Stop(v, column[v]) for v in column] + [stop for wire in wires for stop in wire]
    ):
        order[stop.column].append(stop)
    order[0] = [Stop(value, 0) for value in first]
    order[end] = [Stop(value, end) for value in last]
    best = [list(stops) for stops in order]
    for sweep in range(SWEEPS):
        inner = range(1, end) if sweep % 2 == 0 else range(end - 1, 0, -1)
        for at in inner:
            place = {stop: i for stops in order for i, stop in enumerate(stops)}
            near = {stop: [place[s] for s in _neighbours(stop, wires, sweep)] for stop in order[at]}
            order[at].sort(key=lambda s: sum(near[s]) / len(near[s]) if near[s] else place[s])
        if _crossings(order, wires) < _crossings(best, wires):
            best = [list(stops) for stops in order]
    return best


def _neighbours(stop: Stop, wires: Sequence[Wire], sweep: int) -> list[Stop]:
    """Those to the left in every other sweep, those to the right in between; in the end both."""
    left = [a for a, b in wires if b == stop]
    right = [b for a, b in wires if a == stop]
    return left + right if sweep >= SWEEPS // 2 else (left if sweep % 2 == 0 else right)


def _crossings(order: list[list[Stop]], wires: Sequence[Wire]) -> int:
    place = {stop: i for stops in order for i, stop in enumerate(stops)}
    return sum(
        a.column == c.column and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for i, (a, b) in enumerate(wires)
        for c, d in wires[:i]
    )


def _rows(order: list[list[Stop]], cost_of: Mapping[Wire, int]) -> dict[Stop, int]:
    """A row for every stop, in order within its column, with few bends.

    Each column in turn takes the best rows there are for it; begun at the top, in the middle and at the foot.
    """
    height = max(map(len, order)) + 1
    tried = [_settled(order, cost_of, height, part) for part in (0, 1, 2)]
    row = min(tried, key=lambda row: sum(cost * abs(row[a] - row[b]) for (a, b), cost in cost_of.items()))
    top = min(row.values())
    return {stop: at - top for stop, at in row.items()}


def _settled(order: list[list[Stop]], cost_of: Mapping[Wire, int], height: int, part: int) -> dict[Stop, int]:
    """Rows that no column would change alone; ``part`` halves of the room are free above, to begin with."""
    row = {stop: i + (height - len(stops)) * part // 2 for stops in order for i, stop in enumerate(stops)}
    near: dict[Stop, list[tuple[Stop, int]]] = {stop: [] for stop in row}
    for (a, b), cost in cost_of.items():
        near[a].append((b, cost))
        near[b].append((a, cost))
    for _ in range(SWEEPS):
        before = dict(row)
        for stops in (*order, *reversed(order)):
            climbs = [
                [sum(cost * abs(at - row[other]) for other, cost in near[stop]) for at in range(height)]
                for stop in stops
            ]
            row |= zip(stops, _ascending(climbs, height), strict=True)
        if row == before:
            break
    return row


def _ascending(cost: list[list[int]], height: int) -> list[int]:
    """The rows, each above the next, of least cost together."""
    total = [[0.0] * (height + 1) for _ in range(len(cost) + 1)]  # of stops i.. in rows at..
    for i, at in product(range(len(cost) - 1, -1, -1), range(height, -1, -1)):
        here = cost[i][at] + total[i + 1][at + 1] if at < height else float("inf")
        total[i][at] = min(here, total[i][at + 1] if at < height else float("inf"))
    rows: list[int] = []
    at = 0
    for i in range(len(cost)):
        while total[i][at] == total[i][at + 1]:
            at += 1
        rows.append(at)
        at += 1
    return rows

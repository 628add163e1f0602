"""The picture of a cell as SVG: what is carried runs from left to right, the input comes from below. Torch-free.

A box is a gate's function with its matrices, a circle a sign; a value's line has one colour from where it is
made to all that read it. ``data_flow`` says what there is to draw, ``layered_layout`` in which column and row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise, permutations
from math import sqrt
from typing import Final

from builder.cells.cell import Cell
from builder.cells.shown.data_flow import Node, data_flow
from builder.cells.shown.layered_layout import Layout, Stop, lay_out
from builder.cells.shown.typeset import NOW, value

ROW: Final = 54.0  # from one row to the next
LANE: Final = 13.0  # from one upright line to the next
LABEL: Final = 30.0  # room for a value's name where its line begins
ARROW: Final = 18.0
BOX: Final = (46.0, 34.0)
RADIUS: Final = 14.0
CORNER: Final = 7
SIDE: Final = 64.0  # left and right of the cell, at least
TOP: Final = 64.0
MOST_TRIED: Final = 5  # upright lines whose every order is tried

GROUND: Final = "#f8fafc"
INK: Final = "#475569"
INPUT: Final = "#64748b"
STATES: Final = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed")
FILLS: Final = {"σ": "#fde68a", "tanh": "#bfdbfe"}
OTHER_FILL: Final = "#ddd6fe"
STYLE: Final = """
text { font-family: 'STIX Two Text', 'Cambria', Georgia, 'DejaVu Serif', serif; font-size: 17px; fill: #0f172a }
.sign { text-anchor: middle; dominant-baseline: central }
.name { font-family: system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 15px; font-weight: 600 }
.value { font-style: italic }
.wire { fill: none; stroke-linejoin: round }
""".strip()


def draw(cell: Cell) -> str:
    """The picture as a whole SVG document; what the pointer rests on shows its equation."""
    return _Drawing(cell).svg()


@dataclass(frozen=True, slots=True)
class _Bus:
    """One value between two columns: from its height on the left to those of its readers on the right."""

    source: Stop
    start: float
    ends: tuple[tuple[Stop, float], ...]
    from_below: bool = False

    @property
    def is_straight(self) -> bool:
        return not self.from_below and set(self.heights) == {self.start}

    @property
    def heights(self) -> tuple[float, ...]:
        """Where its readers are."""
        return tuple(height for _, height in self.ends)

    @property
    def span(self) -> tuple[float, float]:
        """From where to where its upright line goes."""
        return min(self.start, *self.heights), max(self.start, *self.heights)


class _Drawing:
    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._side = max(SIDE, 44 + 10.0 * max(map(len, cell.state_names)))
        self._nodes = data_flow(cell)
        left = [f"{name}_prev" for name in reversed(cell.carried)]
        right = [name for name, node in reversed(self._nodes.items()) if node.shape == "sink"]
        reads = {name: node.reads for name, node in self._nodes.items() if node.shape != "source"}
        rails = [(f"{name}_prev", f"{name}_next") for name in cell.carried]
        self._layout: Layout = lay_out(reads, [*left, "x"], right, rails)
        self._ports = {wire: self._port(*wire) for wire in self._layout.wires}
        self._depth = TOP + ROW * self._layout.rows  # where the cell's frame ends
        self._buses = [self._between(column) for column in range(self._layout.columns - 1)]
        self._lanes = [_lanes(buses) for buses in self._buses]
        self._wide = self._widths()
        self._middle = self._columns()

    # Where things stand

    def _height(self, stop: Stop) -> float:
        return TOP + ROW * (self._layout.row[stop] + 0.5)

    def _made(self, stop: Stop) -> Node | None:
        """The node that stands there, or None where a value passes."""
        return self._nodes[stop.value] if self._layout.column[stop.value] == stop.column else None

    def _size(self, node: Node) -> tuple[float, float]:
        if node.shape == "circle":
            return 2 * RADIUS, 2 * RADIUS
        return (max(BOX[0], 10 * len(node.sign) + 14), BOX[1]) if node.shape == "box" else (0.0, 0.0)

    def _widths(self) -> list[float]:
        """How wide each column is: as wide as its widest node."""
        wide = [0.0] * self._layout.columns
        for name, column in self._layout.column.items():
            wide[column] = max(wide[column], self._size(self._nodes[name])[0])
        return wide

    def _columns(self) -> list[float]:
        """The middle of every column."""
        middle = [self._side]
        for lanes, (left, right) in zip(self._lanes, pairwise(self._wide), strict=True):
            middle.append(middle[-1] + (left + right) / 2 + LABEL + LANE * len(lanes) + ARROW)
        return middle

    def _edge(self, column: int, side: int) -> float:
        """The left (−1) or right (1) edge of a column."""
        return self._middle[column] + side * self._wide[column] / 2

    def _between(self, column: int) -> list[_Bus]:
        """What leads from a column to the next."""
        readers: dict[Stop, list[tuple[Stop, float]]] = {}
        for source, target in self._layout.wires:
            if source.column == column:
                readers.setdefault(source, []).append((target, self._ports[source, target]))
        return [
            _Bus(source, self._depth + 22, tuple(ends), True)
            if source == Stop("x", 0)
            else _Bus(source, self._height(source), tuple(ends))
            for source, ends in sorted(readers.items(), key=lambda item: self._layout.row[item[0]])
        ]

    def _port(self, source: Stop, target: Stop) -> float:
        """The height at which a line arrives: side by side, and straight where it can be."""
        node = self._made(target)
        if node is None:
            return self._height(target)
        arriving = sorted((a for a, b in self._layout.wires if b == target), key=self._layout.row.__getitem__)
        straight = [
            i for i, a in enumerate(arriving) if self._height(a) == self._height(target) and a.value != "x"
        ]
        middle = straight[0] if straight else (len(arriving) - 1) / 2
        reach = max(middle, len(arriving) - 1 - middle, 1.0)
        apart = min(11.0, 0.62 * self._size(node)[1] / 2 / reach)
        return self._height(target) + apart * (arriving.index(source) - middle)

    def _lane(self, column: int, bus: _Bus) -> float:
        start = self._edge(column, 1) + LABEL
        return start + LANE * self._lanes[column].index(bus) if bus in self._lanes[column] else start

    # What is drawn

    def svg(self) -> str:
        wide, high = self._middle[-1] + self._side, self._depth + 44
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(wide)} {_n(high)}" '
            f'width="{_n(wide)}" height="{_n(high)}" role="img">',
            f"<title>{escape(self._cell.name)}</title>",
            f"<style>{STYLE}</style>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<rect x="{_n(self._side + 8)}" y="{_n(TOP - 16)}" width="{_n(wide - 2 * self._side - 16)}" '
            f'height="{_n(self._depth - TOP + 24)}" rx="14" fill="{GROUND}" stroke="#cbd5e1"/>',
            f'<text class="name" x="{_n(self._side + 8)}" y="{_n(TOP - 28)}">{escape(self._cell.name)}</text>',
            *self._wires(),
            *(line for stop in self._layout.row for line in self._node(stop)),
            "</svg>",
            "",
        ])  # fmt: skip

    def _wires(self) -> Iterator[str]:
        """All lines, a value's together: it passes over others with a margin, and states over all else."""
        paths: dict[str, list[str]] = {}
        for column, buses in enumerate(self._buses):
            for bus in buses:
                along = paths.setdefault(bus.source.value, [])
                along += [self._path(column, bus, target, end) for target, end in bus.ends]
                if self._made(bus.source) is None:
                    along.append(self._across(bus.source))
        for name in sorted(paths, key=self._is_carried):
            colour, thick = self._look(name)
            for path in paths[name]:
                yield f'<path class="wire" d="{path}" stroke="{GROUND}" stroke-width="{thick + 5}"/>'
            for path in paths[name]:
                yield f'<path class="wire" d="{path}" stroke="{colour}" stroke-width="{thick}"/>'
        yield from self._arrows()

    def _path(self, column: int, bus: _Bus, target: Stop, end: float) -> str:
        """From the source's edge along its lane to its reader, with round corners."""
        node = self._made(bus.source)
        begin = self._middle[column] + self._size(node)[0] / 2 if node else self._edge(column, 1)
        stop, lane = self._arrival(target, end), self._lane(column, bus)
        if bus.from_below:
            return f"M{_n(lane)} {_n(bus.start)}V{_n(end + CORNER)}q0 {-CORNER} {CORNER} {-CORNER}H{_n(stop)}"
        if end == bus.start:
            return f"M{_n(begin)} {_n(end)}H{_n(stop)}"
        turn = min(CORNER, abs(end - bus.start) / 2)
        down = turn if end > bus.start else -turn
        return (
            f"M{_n(begin)} {_n(bus.start)}H{_n(lane - turn)}q{_n(turn)} 0 {_n(turn)} {_n(down)}"
            f"V{_n(end - down)}q0 {_n(down)} {_n(turn)} {_n(down)}H{_n(stop)}"
        )

    def _across(self, stop: Stop) -> str:
        """Where a value passes a column."""
        left, right = self._edge(stop.column, -1), self._edge(stop.column, 1)
        return f"M{_n(left)} {_n(self._height(stop))}H{_n(right)}"

    def _arrival(self, target: Stop, height: float) -> float:
        """Where a line meets its reader."""
        node = self._made(target)
        if node is None:
            return self._edge(target.column, -1)
        if node.shape == "circle":
            return self._middle[target.column] - sqrt(RADIUS**2 - (height - self._height(target)) ** 2) - 2
        return self._middle[target.column] - self._size(node)[0] / 2 - (2 if node.shape == "box" else 6)

    def _arrows(self) -> Iterator[str]:
        for source, target in self._layout.wires:
            if self._made(target) is not None:
                end = self._ports[source, target]
                tip = self._arrival(target, end) + 1
                colour, _ = self._look(source.value)
                points = f"{_n(tip)},{_n(end)} {_n(tip - 7)},{_n(end - 3.6)} {_n(tip - 7)},{_n(end + 3.6)}"
                yield f'<polygon points="{points}" fill="{colour}"/>'

    def _node(self, stop: Stop) -> Iterator[str]:
        node = self._made(stop)
        if node is None:
            return
        x, y = self._middle[stop.column], self._height(stop)
        if node.shape == "source":
            if node.name != "x":
                yield _value(node.sign, 14, y + 5, previous=True)
            for bus in self._buses[0]:
                if bus.from_below and node.name == "x":
                    yield _value("x", self._lane(0, bus) - 7, self._depth + 39)
            return
        if node.shape == "sink":
            yield _value(node.sign, x + 6, y + 5)
            return
        wide, high = self._size(node)
        yield f"<g><title>{escape(node.equation)}</title>" if node.equation else "<g>"
        if node.shape == "box":
            fill = FILLS.get(node.sign, OTHER_FILL)
            yield (
                f'<rect x="{_n(x - wide / 2)}" y="{_n(y - high / 2)}" width="{_n(wide)}" height="{_n(high)}" '
                f'rx="6" fill="{fill}" stroke="{INK}"/>'
            )
        else:
            yield f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(RADIUS)}" fill="#ffffff" stroke="{INK}"/>'
        yield f'<text class="sign" x="{_n(x)}" y="{_n(y)}">{escape(node.sign)}</text></g>'
        if node.gives is not None:
            yield _value(node.gives, x + wide / 2 + 4, y - 7)

    # Colours

    def _is_carried(self, name: str) -> bool:
        node = self._nodes[name]
        return (node.gives or node.sign) in self._cell.states and (
            node.gives is not None or node.shape == "source"
        )

    def _look(self, name: str) -> tuple[str, float]:
        """A value's colour and how thick its line is."""
        if name == "x":
            return INPUT, 1.6
        if not self._is_carried(name):
            return INK, 1.4
        node = self._nodes[name]
        return STATES[self._cell.states.index(node.gives or node.sign) % len(STATES)], 2.4


def _lanes(buses: Sequence[_Bus]) -> list[_Bus]:
    """The upright lines between two columns, from the left, in the order that crosses least."""
    upright = [bus for bus in buses if not bus.is_straight]
    if len(upright) > MOST_TRIED:
        return upright
    return min(map(list, permutations(upright)), key=_crossings)


def _crossings(lanes: Sequence[_Bus]) -> int:
    """How often level lines meet upright ones; two that lie on each other are worse by far."""
    met = 0
    for i, left in enumerate(lanes):
        for right in lanes[i + 1 :]:
            low, high = right.span
            met += sum(low <= end <= high for end in left.heights)
            low, high = left.span
            met += not right.from_below and low <= right.start <= high
            met += 10 * sum(end == right.start for end in left.heights if not right.from_below)
    return met


def _value(name: str, x: float, y: float, *, previous: bool = False) -> str:
    """A value's name with its time below, as mathematics sets it."""
    letter = value(name).removesuffix(NOW)
    time = "t−1" if previous else "t"
    return (
        f'<text class="value" x="{_n(x)}" y="{_n(y)}">{escape(letter)}'
        f'<tspan dy="4" font-size="72%">{time}</tspan></text>'
    )


def _n(number: float) -> str:
    """A length, short.

    >>> _n(12.0), _n(0.25)
    ('12', '0.2')
    """
    return f"{number:.1f}".removesuffix(".0")

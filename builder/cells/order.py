"""What a cell's equations read of each other: their order within a step, circles, and what leads nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from builder.cells.term import Read, Term, parts
from builder.errors import Cause


class Circle(Cause):
    """Equations that read each other within one step. ``owner`` is the one in which the offset counts."""

    def __init__(self, circle: list[str], offset: int) -> None:
        super().__init__(
            f"within one step the equations read each other in a circle: {' → '.join(circle)}",
            f"Let one read the step before: `{circle[1]}_prev`.",
            offset=offset,
        )
        self.owner = circle[0]


def ordered(terms: Mapping[str, Term]) -> list[str]:
    """The equations' names so that each reads only those before it, otherwise as they are written.

    Raises ``Circle`` if there is no such order.
    """
    order: dict[str, None] = {}
    for name in terms:
        if name in order:
            continue
        path = {name: _now(terms, name)}  # the equations being read, and what each has still to read
        offsets: list[int] = []
        while path:
            here = next(reversed(path))
            read = next((read for read in path[here] if read.name not in order), None)
            if read is None:
                path.popitem()
                offsets[-1:] = []
                order[here] = None
            elif read.name in path:
                first = list(path).index(read.name)
                raise Circle([*list(path)[first:], read.name], [*offsets, read.offset][first])
            else:
                path[read.name] = _now(terms, read.name)
                offsets.append(read.offset)
    return list(order)


def leading_to(states: Iterable[str], terms: Mapping[str, Term]) -> set[str]:
    """The equations that the states' depend on, at this step or through the step before, and theirs."""
    needed = set(states)
    waiting = list(needed)
    while waiting:
        for part in parts(terms[waiting.pop()]):
            if isinstance(part, Read) and part.name in terms and part.name not in needed:
                needed.add(part.name)
                waiting.append(part.name)
    return needed


def _now(terms: Mapping[str, Term], name: str) -> Iterator[Read]:
    """What an equation reads of others at this step."""
    for part in parts(terms[name]):
        if isinstance(part, Read) and not part.previous and part.name in terms:
            yield part

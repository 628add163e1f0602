"""How a graph runs: straight segments, and layers that must know lengths, each reading and filling slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from builder.layers.shared.recurrent import RecurrentLayer
from builder.spec.graph import Graph, GraphLayer

States = tuple[Tensor, ...]  # of one recurrent layer, in the order of its module's ``state_names``


class Segment(NamedTuple):
    """A straight piece of the network.

    Its first layer reads the slots ``reads``, each next one the layer before; the last's value fills the slot
    ``fills``. ``drops`` are the slots that no later layer reads.
    """

    reads: tuple[int, ...]
    layers: tuple[nn.Module, ...]
    fills: int
    drops: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """Recurrent layers' states by the layers' names: those to begin with, and those they end with."""

    begins: dict[str, States]
    ends: dict[str, States]


class Masked(NamedTuple):
    """A layer that is called with lengths (the slot ``lengths``, or None) or whose states are read.

    It begins with the states in the slot ``begins``, if any, those of them that ``taken`` counts off, in its own
    order; its final states fill the slot ``ends``, and the last layer's i-th state the slot of each (i, slot) of
    ``ports``.
    """

    name: str
    layer: Any
    reads: int
    lengths: int | None
    begins: int | None
    taken: tuple[int, ...]
    fills: int
    ends: int | None
    ports: tuple[tuple[int, int], ...]
    drops: tuple[int, ...]
    recurrent: bool

    def run(self, values: list[Any], carried: Carried | None) -> None:
        """Reads and fills ``values``."""
        x = values[self.reads]
        lengths = None if self.lengths is None else values[self.lengths]
        states: States = ()
        if self.begins is not None:
            states = tuple(values[self.begins][index] for index in self.taken)
        for slot in self.drops:
            values[slot] = None
        if self.recurrent and (carried is not None or self.ends is not None or self.ports):
            if carried is not None:
                states = carried.begins.get(self.name, states)
            values[self.fills], final = self.layer.unroll(x, lengths, states)
            if carried is not None:
                carried.ends[self.name] = final
            if self.ends is not None:
                values[self.ends] = final
            for index, slot in self.ports:
                values[slot] = final[index][-1]
        else:
            values[self.fills] = self.layer(x, lengths, *states)


class Plan(NamedTuple):
    """``chain`` holds all layers where the network is one straight line that needs neither lengths nor states.

    ``results`` are the slots of the outputs; slot i < len(inputs) holds the i-th input, the next ones their
    lengths.
    """

    chain: tuple[nn.Module, ...] | None
    steps: tuple[Segment | Masked, ...]
    results: tuple[int, ...]
    slots: int


def planned(graph: Graph, made: dict[str, nn.Module]) -> Plan:
    """The steps in the order of their running.

    A layer continues a segment if it alone reads the layer before it; such values never take a slot and die
    at once.
    """
    results = tuple(graph.outputs.values())
    readers = Counter(name for use in graph.layers for name in use.inputs) + Counter(results)
    runs: list[list[GraphLayer]] = []
    for use in graph.layers:
        last = runs[-1][-1] if runs else None
        follows = last is not None and use.inputs == (last.name,) and readers[last.name] == 1
        if follows and last and last.name not in results and not _alone(use) and not _alone(last):
            runs[-1].append(use)
        else:
            runs.append([use])
    read = set(readers) | {_states(use.starts_from) for use in graph.layers if use.starts_from}
    given = [*graph.inputs, *(f"{name}/lengths" for name in dict.fromkeys(graph.lengths.values()))]
    made_here = [
        name for run in runs for name in (run[-1].name, *(name for name in _beside(run[-1]) if name in read))
    ]
    slots = {name: slot for slot, name in enumerate([*given, *made_here])}
    last_read = {name: index for index, run in enumerate(runs) for name in _reads(run[0])}
    steps: list[Segment | Masked] = []
    for index, run in enumerate(runs):
        first, name = run[0], run[-1].name
        drops = tuple(
            slots[name]
            for name in dict.fromkeys(_reads(first))
            if last_read[name] == index and name not in results
        )
        if not _alone(first):
            reads = tuple(slots[name] for name in first.inputs)
            steps.append(Segment(reads, tuple(made[use.name] for use in run), slots[name], drops))
            continue
        ports = tuple(
            (i, slots[f"{name}.{port}"]) for i, port in enumerate(first.ports) if f"{name}.{port}" in slots
        )
        steps.append(
            Masked(
                name=name,
                layer=made[name],
                reads=slots[first.inputs[0]],
                lengths=slots[f"{graph.lengths[first.over]}/lengths"] if first.over else None,
                begins=slots[_states(first.starts_from)] if first.starts_from else None,
                taken=_taken(graph, first, made),
                fills=slots[name],
                ends=slots.get(_states(name)),
                ports=ports,
                drops=drops,
                recurrent=isinstance(first.layer, RecurrentLayer),
            )
        )
    return Plan(_chain(graph, made, slots), tuple(steps), tuple(slots[name] for name in results), len(slots))


def _chain(graph: Graph, made: dict[str, nn.Module], slots: dict[str, int]) -> tuple[nn.Module, ...] | None:
    """All layers, where each reads the one before, the last is the output, and none reads lengths or states."""
    before = [*graph.inputs, *(use.name for use in graph.layers)]
    straight = (
        len(graph.inputs) == 1
        and list(graph.outputs.values()) == before[-1:]
        and all(use.inputs == (name,) for use, name in zip(graph.layers, before, strict=False))
        and not any(use.over or use.starts_from for use in graph.layers)
        and not any("/states" in name for name in slots)
    )
    return tuple(made[use.name] for use in graph.layers) if straight else None


def _alone(use: GraphLayer) -> bool:
    """Whether the layer is a step of its own: it must know lengths, or has states."""
    return use.over is not None or bool(use.ports)


def _taken(graph: Graph, use: GraphLayer, made: dict[str, nn.Module]) -> tuple[int, ...]:
    """Where the states that a layer begins with stand among those that another ends with; they go by name.

    Gates that it carries from step to step are taken too if the other carries all of them, and else begin as
    they would.
    """
    if use.starts_from is None:
        return ()
    source = graph.by_name[use.starts_from]
    ends, carried = _names(made[source.name], source.ports)
    states, gates = _names(made[use.name], use.ports)
    wanted = (*states, *gates) if set(gates) <= set(carried) else states
    return tuple((*ends, *carried).index(name) for name in wanted)


def _names(module: Any, ports: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A recurrent module's states, and the gates that it carries."""
    names: tuple[str, ...] = module.state_names
    return names[: len(ports)], names[len(ports) :]


def _states(name: str) -> str:
    """What all states of a layer are called among the slots."""
    return f"{name}/states"


def _beside(use: GraphLayer) -> list[str]:
    """What a layer gives beside its output."""
    return [*(f"{use.name}.{port}" for port in use.ports), _states(use.name)]


def _reads(use: GraphLayer) -> tuple[str, ...]:
    return (*use.inputs, *((_states(use.starts_from),) if use.starts_from else ()))

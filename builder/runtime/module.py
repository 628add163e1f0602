"""From a spec to the torch module: layers made in file order, wired once, run without looking anything up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, final

import torch
from torch import Tensor, nn

from builder.errors import RunError
from builder.graph import Graph, GraphLayer
from builder.shapes import Shape, TensorType
from builder.spec import ModelSpec

AT_ONCE: Final = 1 << 26  # bytes of activations in one pass without gradients; more is not faster


@final
class Block(nn.Module):
    """A name that layers stand under: ``residual_2`` of ``residual_2.conv2d_1``."""


class Segment(NamedTuple):
    """A straight piece of the network.

    Its first layer reads the slots ``reads``, each next one the layer before; the last's value fills the slot
    ``fills``. ``drops`` are the slots nobody reads later.
    """

    reads: tuple[int, ...]
    layers: tuple[nn.Module, ...]
    fills: int
    drops: tuple[int, ...]


@final
class Network(nn.Module):
    """A spec's network.

    Called with its inputs in the spec's order, or by their names. Returns a tensor, or, where the spec names
    several ``outputs``, a dict from their names to tensors in the spec's order. Parameters and buffers are
    named ``layer.weight``, inside blocks ``block.layer.weight``; layers that share weights are one submodule,
    under the name of the first.
    """

    def __init__(self, graph: Graph, made: dict[str, nn.Module]) -> None:
        super().__init__()
        for use in graph.layers:
            if use.shared_with is None:
                _put(self, use.name, made[use.name])
        self._types = dict(graph.inputs)
        self._at_once = max(1, AT_ONCE // max(1, graph.activation_bytes))
        self._names = tuple(graph.inputs)
        self._outputs = tuple(graph.outputs)
        self._segments, self._results = _plan(graph, made)
        whole = self._segments[0] if len(self._segments) == len(self._results) == 1 else None
        straight = whole is not None and whole.reads == (0,) and self._results == (whole.fills,)
        self._chain = whole.layers if whole and straight and len(self._names) == 1 else None

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor | dict[str, Tensor]:
        """The output, or all named outputs. Raises ``TypeError`` for inputs the spec does not have."""
        if named or len(inputs) != len(self._names):
            inputs = self._arranged(inputs, named)
        if self._chain is not None:
            x = inputs[0]
            for layer in self._chain:
                x = layer(x)
            return x
        values: list[Any] = [*inputs, *(None for _ in self._segments)]
        for reads, layers, fills, drops in self._segments:
            x = layers[0](*[values[slot] for slot in reads])
            for slot in drops:
                values[slot] = None
            for layer in layers[1:]:
                x = layer(x)
            values[fills] = x
        if len(self._results) == 1:
            return values[self._results[0]]  # type: ignore[no-any-return]
        return {name: values[slot] for name, slot in zip(self._outputs, self._results, strict=True)}

    def _arranged(self, inputs: Sequence[Tensor], named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """The inputs in the spec's order, from those by position and those by name."""
        given = dict(zip(self._names, inputs, strict=False))
        if len(inputs) > len(self._names) or given.keys() & named.keys():
            raise TypeError(f"expected the inputs {', '.join(self._names)}, each once")
        given |= named
        if given.keys() != set(self._names):
            raise TypeError(
                f"expected the inputs {', '.join(self._names)}, found {', '.join(given) or 'none'}"
            )
        return tuple(given[name] for name in self._names)


def build(spec: ModelSpec, seed: int | None = None) -> Network:
    """The spec's network with its initial weights, in training mode, float32 on the CPU.

    ``seed`` is ``train.seed`` unless given, and 0 without one. The weights are, bit for bit, those of
    ``torch.manual_seed(seed)`` and the same layers written by hand in file order; then each layer's
    ``init`` is applied, in file order too. Sets torch's global seed. Raises ``RunError`` for a spec with
    places to fill.
    """
    graph = complete_graph(spec)
    if seed is None:
        seed = spec.train.seed if spec.train is not None else 0
    torch.manual_seed(seed)
    made: dict[str, nn.Module] = {}
    for use in graph.layers:
        made[use.name] = made[use.shared_with] if use.shared_with else use.layer.build(use.sizes)
    for use in graph.layers:
        _initialise(use, made[use.name])
    return Network(graph, made)


def complete_graph(spec: ModelSpec) -> Graph:
    """The spec's graph. Raises ``RunError`` if the spec has places to fill, or anything in it is unknown."""
    if spec.holes:
        lines = ", ".join(str(place.line) for place in spec.holes)
        places, at = ("place", "line") if len(spec.holes) == 1 else ("places", "lines")
        raise RunError(
            f"`{spec.file}` has {len(spec.holes)} {places} to fill ({at} {lines}), "
            "so there is no network to build yet.",
            "Write a value wherever `???` stands.",
        )
    if not spec.graph.complete:
        raise RunError(
            f"`{spec.file}` leaves something of its network unknown.", "`gradspec validate` says what."
        )
    return spec.graph


def inputs_of(network: Network) -> dict[str, TensorType]:
    """The network's inputs and their types, in the spec's order.

    A function, as is ``outputs_of``: an attribute of ``Network`` would take a name away from a spec's layers.
    """
    return dict(network._types)


def outputs_of(network: Network) -> tuple[str, ...]:
    """The names of the network's outputs, in the spec's order."""
    return network._outputs


def examples_at_once(network: Network) -> int:
    """How many examples one forward pass without gradients should hold."""
    return network._at_once


def listing(module: nn.Module) -> dict[str, Shape]:
    """Every key of the module's ``state_dict()`` and its shape, in order; equals its graph's ``state``."""
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _initialise(use: GraphLayer, module: nn.Module) -> None:
    """Applies the layer's own initialisers, then freezes it if the spec says so."""
    with torch.no_grad():
        for name, initialiser in use.init.items():
            initialiser.apply(module.get_parameter(name))
    if use.freeze:
        module.requires_grad_(False)


def _put(root: nn.Module, name: str, module: nn.Module) -> None:
    """Registers ``module`` under its dotted name, with a ``Block`` for each name before a dot."""
    *blocks, last = name.split(".")
    for block in blocks:
        if block not in root._modules:
            root.add_module(block, Block())
        root = root.get_submodule(block)
    root.add_module(last, module)


def _plan(graph: Graph, made: dict[str, nn.Module]) -> tuple[tuple[Segment, ...], tuple[int, ...]]:
    """The segments in the order of their running, and the slots of the outputs.

    Slot i < len(inputs) holds the i-th input, the next ones what each segment gives. A layer continues a
    segment if it alone reads the layer before it; such values never take a slot and die at once.
    """
    readers = Counter(name for use in graph.layers for name in use.inputs) + Counter(graph.outputs.values())
    runs: list[list[GraphLayer]] = []
    for use in graph.layers:
        before = runs[-1][-1].name if runs else ""
        if use.inputs == (before,) and readers[before] == 1 and before not in graph.outputs.values():
            runs[-1].append(use)
        else:
            runs.append([use])
    slots = {name: slot for slot, name in enumerate([*graph.inputs, *(run[-1].name for run in runs)])}
    kept = set(graph.outputs.values())
    last_run = {name: index for index, run in enumerate(runs) for name in run[0].inputs}
    segments = tuple(
        Segment(
            reads=tuple(slots[name] for name in run[0].inputs),
            layers=tuple(made[use.name] for use in run),
            fills=slots[run[-1].name],
            drops=tuple(
                slots[name]
                for name in dict.fromkeys(run[0].inputs)
                if last_run[name] == index and name not in kept
            ),
        )
        for index, run in enumerate(runs)
    )
    return segments, tuple(slots[name] for name in graph.outputs.values())

"""From a spec to the torch module: layers made in file order, wired once, run without looking anything up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from builder.errors import RunError
from builder.runtime.network.parametrisation import Normed, normalised
from builder.runtime.network.run_plan import Carried, Masked, States, planned
from builder.shapes import Shape, TensorType
from builder.spec.graph import Graph, GraphLayer
from builder.spec.inputs import LENGTHS
from builder.spec.spec import ModelSpec

AT_ONCE: Final = 1 << 26  # bytes of activations in one pass without gradients; more is not faster


@final
class Block(nn.Module):
    """A name that layers stand under: ``residual_2`` of ``residual_2.conv2d_1``."""


@final
class Network(nn.Module):
    """A spec's network.

    Called with its inputs in the spec's order, or by their names. Where an input has a free axis, its
    examples may be padded at the end and their lengths given: int64, N, each from 1 to the padded length,
    best on the CPU, as ``<input>_lengths=`` or after all inputs (inputs with the same symbol share the first
    one's). Returns a tensor, or, where the spec names several ``outputs``, a dict from their names to tensors
    in the spec's order; what stands at padded steps means nothing, save that recurrent layers give zero.
    Parameters and buffers are named ``layer.weight``, inside blocks ``block.layer.weight``; layers that share
    weights are one submodule, under the name of the first.
    """

    def __init__(self, graph: Graph, made: dict[str, nn.Module]) -> None:
        super().__init__()
        for use in graph.layers:
            if use.shared_with is None:
                _put(self, use.name, made[use.name])
        self._types = dict(graph.inputs)
        self._at_once = max(1, AT_ONCE // max(1, graph.activation_bytes))
        self._names = tuple(graph.inputs)
        self._lengths = {f"{name}{LENGTHS}": symbol for symbol, name in graph.lengths.items()}
        self._outputs = tuple(graph.outputs)
        plan = planned(graph, made)
        self._chain, self._steps, self._results, self._slots = plan

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor | dict[str, Tensor]:
        """The output, or all named outputs.

        Raises ``TypeError`` for inputs the spec does not have, ``ValueError`` for lengths that cannot be.
        """
        if named or len(inputs) != len(self._names):
            inputs = self._arranged(inputs, named)
        if self._chain is not None:
            x = inputs[0]
            for layer in self._chain:
                x = layer(x)
            return x
        return self._run(inputs, None)

    def _run(self, given: Sequence[Tensor | None], carried: Carried | None) -> Tensor | dict[str, Tensor]:
        """The outputs, step by step. ``given`` are the inputs, then their lengths, if there are any."""
        values: list[Any] = [*given, *(None for _ in range(self._slots - len(given)))]
        for step in self._steps:
            if isinstance(step, Masked):
                step.run(values, carried)
                continue
            reads, layers, fills, drops = step
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
        """The inputs in the spec's order, then their lengths, from those by position and those by name."""
        names = (*self._names, *self._lengths)
        given = dict(zip(names, inputs, strict=False))
        if len(inputs) > len(names) or given.keys() & named.keys():
            raise TypeError(f"expected the inputs {', '.join(names)}, each once")
        given |= named
        if given.keys() - self._lengths.keys() != set(self._names):
            raise TypeError(f"expected the inputs {', '.join(names)}, found {', '.join(given) or 'none'}")
        arranged = tuple(given.get(name) for name in names)
        if not torch.compiler.is_exporting():
            self._check_lengths(arranged, least=1)
        return arranged  # type: ignore[return-value]  # lengths may be left out

    def _check_lengths(self, given: Sequence[Tensor | None], least: int) -> None:
        arrives = dict(zip((*self._names, *self._lengths), given, strict=False))
        for name, symbol in self._lengths.items():
            lengths = arrives.get(name)
            if lengths is None:
                continue
            sizes = {
                key: x.shape[kind.shape.index(symbol) + 1]
                for key, kind in self._types.items()
                if symbol in kind.shape and (x := arrives[key]) is not None
            }
            steps = next(iter(sizes.values()))
            if len(set(sizes.values())) > 1:
                listed = ", ".join(f"{key} {size}" for key, size in sizes.items())
                raise ValueError(f"the inputs share the axis {symbol}, and are of unequal lengths: {listed}")
            x = arrives[name.removesuffix(LENGTHS)]
            batch = 0 if x is None else len(x)
            if lengths.dtype != torch.int64 or tuple(lengths.shape) != (batch,):
                found = f"{list(lengths.shape)} of {str(lengths.dtype).removeprefix('torch.')}"
                raise ValueError(f"`{name}` must be int64, one for each of {batch} examples, found {found}")
            if batch and not (least <= int(lengths.min()) and int(lengths.max()) <= steps):
                found = f"{int(lengths.min())} to {int(lengths.max())}"
                raise ValueError(f"`{name}` must lie from {least} to {steps}, found {found}")


def build(spec: ModelSpec, seed: int | None = None) -> Network:
    """The spec's network with its initial weights, in training mode, float32 on the CPU.

    ``seed`` is ``train.seed`` unless given, and 0 without one. The weights are, bit for bit, those of
    ``torch.manual_seed(seed)`` and the same layers written by hand in file order, each with its ``norm``
    around it (``spectral_norm(nn.Conv2d(…))``); then each layer's ``init`` is applied, in file order too. Sets
    torch's global seed. Raises ``RunError`` for a spec with places to fill.
    """
    if spec.networks:
        raise RunError(
            f"`{spec.file}` has several networks, and `build` makes one.",
            "`build_networks` makes them all, under their names.",
        )
    graph = complete_graph(spec)
    if seed is None:
        seed = spec.train.seed if spec.train is not None else 0
    torch.manual_seed(seed)
    return _made(graph)


def build_networks(spec: ModelSpec, seed: int | None = None) -> nn.ModuleDict:
    """All `networks` of the spec under their names, each as ``build`` would make it.

    The weights are, bit for bit, those of ``torch.manual_seed(seed)`` and the same layers written by hand in
    file order, one network after the other. Sets torch's global seed; ``seed`` is ``train.seed`` unless
    given, and 0 without one. Raises ``RunError`` for a spec of one network, and for one with places to fill.
    """
    if not spec.networks:
        raise RunError(f"`{spec.file}` has one network, without a name of its own.", "`build` makes it.")
    complete_graph(spec)
    if seed is None:
        seed = spec.game.seed if spec.game is not None else 0
    torch.manual_seed(seed)
    return nn.ModuleDict({name: _made(network.graph) for name, network in spec.networks.items()})


def _made(graph: Graph) -> Network:
    """The network of a graph; its weights follow from torch's global seed."""
    made: dict[str, nn.Module] = {}
    for use in graph.layers:
        made[use.name] = made[use.shared_with] if use.shared_with else _layer(use)
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


def unrolled(
    network: Network,
    inputs: Sequence[Tensor],
    lengths: Sequence[Tensor | None] = (),
    states: Mapping[str, States] | None = None,
) -> tuple[Tensor | dict[str, Tensor], dict[str, States]]:
    """The outputs, and the final states of every recurrent layer under its name: for one piece of a sequence.

    ``lengths`` stand in the order of ``lengths_of``; 0 is allowed, for an example that has ended before.
    ``states`` are those that the piece before ended with; a layer without an entry begins with its own first states.
    Each is num_layers×N×(D·H), and still holds its graph: ``detach`` it where gradients are to stop.
    """
    given = [*inputs, *lengths]
    network._check_lengths(given, least=0)
    carried = Carried(dict(states or {}), {})
    return network._run(given, carried), carried.ends


def lengths_of(network: Network) -> tuple[str, ...]:
    """The names under which the network takes lengths, in their order; empty without free axes."""
    return tuple(network._lengths)


def lengths_read(network: Network) -> tuple[str, ...]:
    """Those of ``lengths_of`` that some layer obeys: the others change nothing."""
    slots = {step.lengths for step in network._steps if isinstance(step, Masked)}
    return tuple(name for i, name in enumerate(network._lengths) if len(network._names) + i in slots)


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


def _layer(use: GraphLayer) -> nn.Module:
    """The layer's module; what `norm` draws, it draws right after the layer's own weights."""
    module = use.layer.build(use.sizes)
    return module if use.norm is None else normalised(module, use.norm, use.layer.weight_axis)


def _initialise(use: GraphLayer, module: nn.Module) -> None:
    """Applies the layer's own initialisers, then freezes it if the spec says so."""
    with torch.no_grad():
        for name, initialiser in use.init.items():
            initialiser.apply(module.get_parameter(name))
            if name == "weight" and isinstance(module, Normed):
                module.settle()
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

"""The graph: every layer in order, the values it reads, and a type on every edge. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from builder.errors import Place
from builder.layers.layer import Layer
from builder.shapes import BYTES_PER_VALUE, Shape, Size, TensorType, count, measured

if TYPE_CHECKING:  # a spec without `init` does not pay for them
    from builder.training.initializers.initializer import Initializer


@dataclass(frozen=True, eq=False)
class GraphLayer:
    """One use of a layer.

    ``inputs`` names the values it reads (graph inputs or layers), in order. ``parameter_shapes`` and
    ``buffer_shapes`` are keyed as in the layer's own ``state_dict()``, and empty where ``shared_with`` names
    the layer whose weights it uses. ``multiply_adds`` count one example; ``how`` is the arithmetic of the
    parameters as text. ``sizes`` are the fields that the rule worked out (``in_features``). ``init`` holds the
    initialisers of single parameters. With ``freeze`` no parameter is trained. ``norm`` (`spectral`, `weight`)
    divides its weight by a norm. ``ports`` are the final states that others may read (as ``encoder.h``),
    ``starts_from`` the layer whose final states it begins with, and ``over`` the free axis whose lengths it
    obeys.
    """

    name: str
    type: str
    layer: Layer
    inputs: tuple[str, ...]
    output_type: TensorType
    parameter_shapes: dict[str, Shape]
    buffer_shapes: dict[str, Shape]
    multiply_adds: int
    how: str
    sizes: dict[str, int]
    place: Place
    shared_with: str | None = None
    freeze: bool = False
    norm: str | None = None
    init: dict[str, Initializer] = field(default_factory=dict)
    ports: dict[str, TensorType] = field(default_factory=dict)
    starts_from: str | None = None
    over: str | None = None

    @property
    def output(self) -> tuple[Size, ...]:
        """The shape that leaves, without the batch axis."""
        return self.output_type.shape

    @property
    def parameters(self) -> int:
        """How many values its own parameters hold; 0 where they are another layer's."""
        return sum(count(shape) for shape in self.parameter_shapes.values())


@dataclass(frozen=True, eq=False)
class Graph:
    """A network with every shape: ``layers`` in the order in which they run.

    ``outputs`` maps each output's name to the layer (or input) it comes from, or to a port (``encoder.h``).
    ``aliases`` maps the name of a block or group to the layer that makes its value.
    ``complete`` is false where holes left something unknown. Where an axis is free, figures are per step.
    """

    name: str
    inputs: dict[str, TensorType]
    layers: tuple[GraphLayer, ...]
    outputs: dict[str, str]
    aliases: dict[str, str] = field(default_factory=dict)
    complete: bool = True

    @cached_property
    def by_name(self) -> dict[str, GraphLayer]:
        """Each layer under its name."""
        return {layer.name: layer for layer in self.layers}

    def type_of(self, name: str) -> TensorType:
        """The type of the value called ``name``: an input, layer, port or alias. Raises ``KeyError``."""
        name = self.aliases.get(name, name)
        if name in self.inputs:
            return self.inputs[name]
        if name in self.by_name:
            return self.by_name[name].output_type
        layer, _, port = name.rpartition(".")
        return self.by_name[self.aliases.get(layer, layer)].ports[port]

    @property
    def output_types(self) -> dict[str, TensorType]:
        """The type of every output, under its name."""
        return {name: self.type_of(layer) for name, layer in self.outputs.items()}

    @property
    def lengths(self) -> dict[str, str]:
        """Each free axis, and the input whose ``<input>_lengths`` holds the length of each example along it."""
        return measured(self.inputs)

    @property
    def parameters(self) -> int:
        """How many values all parameters hold, shared ones counted once."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one example through the whole network."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all layers' outputs for one example, in float32."""
        return BYTES_PER_VALUE * sum(layer.output_type.size for layer in self.layers)

    @cached_property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Every parameter's full name and shape, in file order."""
        return {
            f"{layer.name}.{key}": shape
            for layer in self.layers
            for key, shape in layer.parameter_shapes.items()
        }

    @cached_property
    def state(self) -> dict[str, Shape]:
        """Every key of ``state_dict()`` and its shape, in its order; buffers too."""
        return {
            f"{layer.name}.{key}": shape
            for layer in self.layers
            for shapes in (layer.parameter_shapes, layer.buffer_shapes)
            for key, shape in shapes.items()
        }

"""What the grader knows of a network: its graph as plain data that can leave a worker.

A submission's text is read in a worker only. What comes back is this outline: names, types, fields, shapes
and counts, from JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from builder.layer import Layer, layers
from builder.shapes import Shape, TensorType

if TYPE_CHECKING:
    from builder.graph import Graph


@dataclass(frozen=True, slots=True)
class OutlineLayer:
    """One layer, as ``builder.graph.GraphLayer`` has it; ``fields`` are all its fields as plain data.

    ``inputs`` name the values it reads (graph inputs or layers), ``arrives`` are their types. Shapes have no
    batch axis. ``parameters`` and ``buffers`` map the layer's own ``state_dict()`` names to shapes and are
    empty where the weights are another layer's (``shared_with``).
    """

    name: str
    type: str
    fields: dict[str, Any]
    inputs: tuple[str, ...]
    arrives: tuple[TensorType, ...]
    output: TensorType
    parameters: dict[str, Shape]
    buffers: dict[str, Shape]
    multiply_adds: int
    shared_with: str | None

    def component(self) -> Layer:
        """The layer type with these fields: its shape rule, for another input than the one it has here."""
        return layers[self.type].model_validate(self.fields)


@dataclass(frozen=True, slots=True)
class Outline:
    """A network: inputs, layers in order, outputs and totals (multiply-adds of one example).

    ``outputs`` maps each output's name to the layer (or input) it comes from; ``aliases`` maps a block's or
    group's name to the layer that makes its value. ``state`` holds every key of ``state_dict()`` in order
    with its shape, buffers too.
    """

    inputs: dict[str, TensorType]
    layers: tuple[OutlineLayer, ...]
    outputs: dict[str, str]
    parameters: int
    multiply_adds: int
    state: dict[str, Shape]
    aliases: dict[str, str]

    def layer(self, name: str) -> OutlineLayer | None:
        """The layer called ``name`` (a block's or group's name is its last layer's), or none."""
        name = self.aliases.get(name, name)
        return next((layer for layer in self.layers if layer.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """This outline as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Outline:
        """The outline that ``to_json`` wrote. Raises ``KeyError`` or ``TypeError`` for anything else."""
        return cls(
            inputs={str(name): _type(value) for name, value in data["inputs"].items()},
            layers=tuple(_layer(layer) for layer in data["layers"]),
            outputs={str(name): str(layer) for name, layer in data["outputs"].items()},
            parameters=int(data["parameters"]),
            multiply_adds=int(data["multiply_adds"]),
            state=_shapes(data["state"]),
            aliases={str(name): str(layer) for name, layer in data["aliases"].items()},
        )

    @classmethod
    def of(cls, graph: Graph) -> Outline:
        """The outline of a complete graph."""
        types = dict(graph.inputs) | {layer.name: layer.output_type for layer in graph.layers}
        layers = tuple(
            OutlineLayer(
                name=layer.name,
                type=layer.type,
                fields=layer.layer.plain(),
                inputs=layer.inputs,
                arrives=tuple(types[name] for name in layer.inputs),
                output=layer.output_type,
                parameters=dict(layer.parameter_shapes),
                buffers=dict(layer.buffer_shapes),
                multiply_adds=layer.multiply_adds,
                shared_with=layer.shared_with,
            )
            for layer in graph.layers
        )
        return cls(
            inputs=dict(graph.inputs),
            layers=layers,
            outputs=dict(graph.outputs),
            parameters=graph.parameters,
            multiply_adds=graph.multiply_adds,
            state=dict(graph.state),
            aliases=dict(graph.aliases),
        )


def _shapes(data: dict[str, Any]) -> dict[str, Shape]:
    return {str(name): tuple(int(size) for size in shape) for name, shape in data.items()}


def _type(data: dict[str, Any]) -> TensorType:
    vocabulary = data["vocabulary"]
    return TensorType(tuple(int(s) for s in data["shape"]), None if vocabulary is None else int(vocabulary))


def _layer(data: dict[str, Any]) -> OutlineLayer:
    return OutlineLayer(
        name=str(data["name"]),
        type=str(data["type"]),
        fields={str(name): value for name, value in data["fields"].items()},
        inputs=tuple(str(name) for name in data["inputs"]),
        arrives=tuple(_type(value) for value in data["arrives"]),
        output=_type(data["output"]),
        parameters=_shapes(data["parameters"]),
        buffers=_shapes(data["buffers"]),
        multiply_adds=int(data["multiply_adds"]),
        shared_with=None if data["shared_with"] is None else str(data["shared_with"]),
    )

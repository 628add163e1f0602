"""What the grader knows of a network: its graph as plain data that can leave a worker.

A submission's text is read in a worker only. What comes back is this outline: names, types, fields, shapes
and counts, from JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from builder.cells.meaning.recognition import Kind, torch_cells
from builder.cells.reader import read_cell
from builder.errors import Place, Report
from builder.language.source import read_text
from builder.layers.layer import Layer, layers
from builder.shapes import Shape, TensorType, measured

if TYPE_CHECKING:
    from builder.cells.cell import Cell
    from builder.spec.graph import Graph
    from builder.spec.spec import ModelSpec


@dataclass(frozen=True)
class OutlineLayer:
    """One layer, as ``builder.spec.graph.GraphLayer`` has it; ``fields`` are all its fields as plain data.

    ``inputs`` name the values it reads (graph inputs, layers or ports), ``arrives`` are their types. Shapes
    have no batch axis. ``parameters`` and ``buffers`` map the layer's own ``state_dict()`` names to shapes and
    are empty where the weights are another layer's (``shared_with``). ``equations`` are those of a cell, as
    they are written, and ``shipped`` says that the cell is the library's, not its author's own. ``states``
    are a recurrent layer's, the output first; ``starts_from`` the layer whose final ones it begins with.
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
    equations: dict[str, Any] | None = None
    shipped: bool = False
    states: tuple[str, ...] = ()
    starts_from: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is a cell whose equations its author wrote."""
        return self.equations is not None and not self.shipped

    @cached_property
    def cell(self) -> Cell | None:
        """Its equations, read again; None if it is no cell. Raises ``SpecErrors`` for what is no cell."""
        return None if self.equations is None else revived(self.type, self.equations)

    def component(self) -> Layer:
        """The layer type with these fields: its shape rule, for another input than the one it has here."""
        if self.cell is None:
            return layers[self.type].model_validate(self.fields)
        from builder.cells.layer import cell_layer

        return cell_layer(self.cell).model_validate(self.fields)


@dataclass(frozen=True, slots=True)
class Outline:
    """A network: inputs, layers in order, outputs and totals (multiply-adds of one example).

    ``outputs`` maps each output's name to the layer (or input) it comes from; ``aliases`` maps a block's or
    group's name to the layer that makes its value. ``state`` holds every key of ``state_dict()`` in order
    with its shape, buffers too.

    Of several ``networks``, all stand side by side, each name with its network's before it; ``players`` are the
    generator and the discriminator among them, where two play against each other.
    """

    inputs: dict[str, TensorType]
    layers: tuple[OutlineLayer, ...]
    outputs: dict[str, str]
    parameters: int
    multiply_adds: int
    state: dict[str, Shape]
    aliases: dict[str, str]
    networks: tuple[str, ...] = ()
    players: tuple[str, ...] = ()

    def layer(self, name: str) -> OutlineLayer | None:
        """The layer called ``name`` (a block's or group's name is its last layer's), or None."""
        name = self.aliases.get(name, name)
        return next((layer for layer in self.layers if layer.name == name), None)

    def maker(self, name: str | None) -> str:
        """The layer that makes the value ``name``: itself, or, of a port such as ``encoder.h``, ``encoder``."""
        if name is None or name in self.inputs or self.layer(name) is not None:
            return name or ""
        return name.rpartition(".")[0]

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
            networks=tuple(str(name) for name in data["networks"]),
            players=tuple(str(name) for name in data["players"]),
        )

    @property
    def lengths(self) -> dict[str, str]:
        """Each free axis, and the input whose lengths tell how long each example is along it."""
        return measured(self.inputs)

    @classmethod
    def of(cls, graph: Graph, spec: ModelSpec | None = None) -> Outline:
        """The outline of a complete graph; ``spec`` tells its author's cells from the library's, and its networks."""
        layers = tuple(
            OutlineLayer(
                name=layer.name,
                type=layer.type,
                fields=layer.layer.plain(),
                inputs=layer.inputs,
                arrives=tuple(graph.type_of(name) for name in layer.inputs),
                output=layer.output_type,
                parameters=dict(layer.parameter_shapes),
                buffers=dict(layer.buffer_shapes),
                multiply_adds=layer.multiply_adds,
                shared_with=layer.shared_with,
                equations=_equations(layer.layer),
                shipped=spec is not None and layer.type not in spec.cells,
                states=tuple(layer.ports),
                starts_from=layer.starts_from,
            )
            for layer in graph.layers
        )
        game = None if spec is None else spec.adversarial
        return cls(
            inputs=dict(graph.inputs),
            layers=layers,
            outputs=dict(graph.outputs),
            parameters=graph.parameters,
            multiply_adds=graph.multiply_adds,
            state=dict(graph.state),
            aliases=dict(graph.aliases),
            networks=() if spec is None else tuple(spec.networks),
            players=() if game is None else (game.generator, game.discriminator),
        )


def revived(name: str, equations: dict[str, Any]) -> Cell:
    """The cell of these equations. Raises ``SpecErrors`` if they are not those of a cell."""
    return _revived(name, json.dumps(equations, ensure_ascii=False))


@lru_cache(maxsize=256)
def _revived(name: str, text: str) -> Cell:
    report = Report()
    node = read_text(text, f"<{name}>").root
    cell = read_cell(name, Place(f"<{name}>", 1, 1), node, report)
    report.raise_errors()
    assert cell is not None, "without errors and holes there is a cell"
    return cell


def cell_of(layer: OutlineLayer) -> Cell | None:
    """The equations of a recurrent layer: its own, or torch's. None for another layer, or a projected LSTM."""
    if layer.equations is not None:
        return layer.cell
    if not layer.states or layer.fields.get("proj_size"):
        return None
    return torch_cell(layer.type, str(layer.fields.get("nonlinearity", "tanh")), bool(layer.fields["bias"]))


@cache
def torch_cell(type: str, nonlinearity: str = "tanh", bias: bool = True) -> Cell | None:
    """``nn.LSTM``, ``nn.GRU`` or ``nn.RNN`` as equations; None for another name."""
    kinds: dict[str, Kind] = {
        "LSTM": "LSTM",
        "GRU": "GRU",
        "RNN": "RNN_RELU" if nonlinearity == "relu" else "RNN_TANH",
    }
    if type not in kinds:
        return None
    cell = torch_cells()[kinds[type]]
    if bias:
        return cell
    text = json.dumps(cell.written).replace(" + b_ih", "").replace(" + b_hh", "")
    return revived(type, json.loads(text))


def _equations(layer: Layer) -> dict[str, Any] | None:
    """A cell's, as they are written, its first weights aside; None for another layer."""
    cell: Cell | None = getattr(layer, "cell", None)
    return None if cell is None else {key: part for key, part in cell.written.items() if key != "init"}


def _shapes(data: dict[str, Any]) -> dict[str, Shape]:
    return {str(name): tuple(int(size) for size in shape) for name, shape in data.items()}


def _type(data: dict[str, Any]) -> TensorType:
    vocabulary = data["vocabulary"]
    shape = tuple(size if isinstance(size, str) else int(size) for size in data["shape"])
    return TensorType(shape, None if vocabulary is None else int(vocabulary))


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
        equations=None if data["equations"] is None else dict(data["equations"]),
        shipped=bool(data["shipped"]),
        states=tuple(str(name) for name in data["states"]),
        starts_from=None if data["starts_from"] is None else str(data["starts_from"]),
    )

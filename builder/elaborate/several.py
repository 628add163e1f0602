"""The graphs of a spec's several networks: one for each, and one of all side by side."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace

from builder.elaborate.budget import Budget
from builder.elaborate.elaborate import Common, Elaborated, Elaborator
from builder.elaborate.unused import report_unused
from builder.elaborate.weight_rules import WeightRules
from builder.errors import Report
from builder.reader import Reader, place_within
from builder.spec.graph import Graph, GraphLayer
from builder.spec.written import WrittenSpec


@dataclass(frozen=True)
class Several:
    """The networks of one spec: as they are written, and worked out.

    The inputs of ``networks`` include the label that `conditional` adds. ``graph`` shows all of them side by side.
    """

    networks: dict[str, WrittenSpec]
    elaborated: dict[str, Elaborated]
    graph: Graph

    def graph_of(self, name: str) -> Graph:
        """The graph of the network called ``name``."""
        return self.elaborated[name].graph


def elaborate_all(spec: WrittenSpec, classes: int | None, report: Report, limit_bytes: int) -> Several:
    """Works out every network of the spec; together they may take ``limit_bytes`` of memory.

    ``classes`` is the number of classes for `conditional`; None without `conditional`, or where it is not known.
    """
    rules = WeightRules(report)
    if spec.init is not None:
        rules.for_types(spec.init, Reader(report, spec.constants, spec.constants_used))
    common = Common(Budget(limit_bytes), rules)
    elaborated: dict[str, Elaborated] = {}
    networks: dict[str, WrittenSpec] = {}
    for name in spec.networks:
        elaborator = _elaborator(spec, name, classes, report, common)
        elaborated[name] = elaborator.run()
        networks[name] = elaborator.spec
    graphs = {name: network.graph for name, network in elaborated.items()}
    complete = bool(networks) and not spec.holes and all(graph.complete for graph in graphs.values())
    if not spec.holes:
        report_unused(spec, common.used, report)
    rules.report_unmatched(complete)
    return Several(networks, elaborated, side_by_side(spec.name, graphs, complete))


def _elaborator(
    spec: WrittenSpec, name: str, classes: int | None, report: Report, common: Common
) -> Elaborator:
    """The elaborator of the network called ``name``: a player under `conditional` has a label as second input."""
    network, adversarial, node = spec.networks[name], spec.adversarial, spec.adversarial_node
    if adversarial is None or node is None or adversarial.conditional is None:
        return Elaborator(network, report, common)
    if name not in (adversarial.generator, adversarial.discriminator):
        return Elaborator(network, report, common)
    from builder.elaborate.conditioning import Condition, ConditionedElaborator

    place = place_within(node, "conditional")
    takes = network.inputs.get("input")
    if takes is not None and (len(takes.shape) not in (1, 3) or takes.free or takes.vocabulary is not None):
        problem = f"`conditional` lays the class beside N×D or N×C×H×W, and `{name}` takes {takes}"
        report.error(place, problem)
        takes = None
    if takes is None or classes is None or len(network.inputs) > 1:  # what follows is silent
        return Elaborator(replace(network, inputs={}), report, common)
    condition = Condition(adversarial.conditional, classes, name == adversarial.discriminator, place)
    inputs = condition.inputs(network.inputs)
    return ConditionedElaborator(replace(network, inputs=inputs), report, common, condition)


def side_by_side(name: str, graphs: MappingABC[str, Graph], complete: bool) -> Graph:
    """All graphs as one, each name behind its network's (``generator.linear_1``).

    The only output of a network has the network's name.
    """
    inputs = {f"{net}.{name}": kind for net, graph in graphs.items() for name, kind in graph.inputs.items()}
    outputs = {
        net if len(graph.outputs) == 1 else f"{net}.{name}": f"{net}.{layer}"
        for net, graph in graphs.items()
        for name, layer in graph.outputs.items()
    }
    layers = tuple(_within(net, layer) for net, graph in graphs.items() for layer in graph.layers)
    aliases = {
        f"{net}.{name}": f"{net}.{layer}"
        for net, graph in graphs.items()
        for name, layer in graph.aliases.items()
    }
    return Graph(name, inputs, layers, outputs, aliases, complete)


def _within(network: str, layer: GraphLayer) -> GraphLayer:
    """The layer under its network's name."""
    return replace(
        layer,
        name=f"{network}.{layer.name}",
        inputs=tuple(f"{network}.{source}" for source in layer.inputs),
        shared_with=layer.shared_with and f"{network}.{layer.shared_with}",
        starts_from=layer.starts_from and f"{network}.{layer.starts_from}",
    )

"""Several networks in one spec: read under their names, worked out one by one, and shown as one graph."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from builder.elaborate.budget import Budget
from builder.elaborate.elaborate import Common, Elaborated, Elaborator
from builder.elaborate.unused import report_unused
from builder.elaborate.weight_rules import WeightRules
from builder.errors import Report
from builder.language.keys import checked_name, is_hole
from builder.language.nodes import Mapping, Node, describe
from builder.reader import Reader, place_within
from builder.spec.document import read_network
from builder.spec.graph import Graph, GraphLayer
from builder.spec.spec import ModelSpec

if TYPE_CHECKING:
    from builder.robustness.attacks.attack import Attack

MOST: Final = 16
ALONE: Final = ("input", "inputs", "layers", "outputs")  # what a spec of one network has instead
# What torch.nn.ModuleDict has beside what every module has: a network of this name could not be held by one.
_DICT: Final = frozenset({"clear", "items", "keys", "pop", "update", "values"})


def with_networks(spec: ModelSpec, root: Mapping, reader: Reader) -> ModelSpec:
    """The spec with its `networks`, who plays whom among them, and its `attacks`, as they are written."""
    report = reader.report
    attacks_node = root.get("attacks")
    attacks = _attacks(attacks_node, reader) if attacks_node is not None else {}
    spec = replace(spec, attacks=attacks, attacks_node=attacks_node)
    if not ({"networks", "adversarial"} & root.entries.keys()):
        return spec
    for key in ALONE:
        if key in root.entries and "networks" in root.entries:
            report.error(
                root.keys[key],
                f"`{key}` stands beside `networks`, and would belong to none of them",
                f"Each network has its own: `networks: {{generator: {{{key}: …}}}}`.",
            )
    node = root.get("networks")
    if node is None:
        problem = "`adversarial` lets two of `networks` play against each other, and there are none"
        hint = "As in `networks: {generator: {input: [64], layers: […]}, discriminator: …}`."
        report.error(root.keys["adversarial"], problem, hint)
    networks = _networks(node, spec, report) if node is not None else {}
    return _game(replace(spec, networks=networks), root, reader)


def _game(spec: ModelSpec, root: Mapping, reader: Reader) -> ModelSpec:
    """The spec with `adversarial`, and with `train` as the rules of a game."""
    node = root.get("adversarial")
    if node is None:
        for key in ("data", "train", "attacks"):
            if key in root.entries:
                reader.report.error(
                    root.keys[key],
                    f"`{key}` is for one network, or for two that `adversarial` names",
                    "Several networks without `adversarial` are built and exported, not trained.",
                )
        return spec
    if "attacks" in root.entries:
        reader.report.error(
            root.keys["attacks"], "`attacks` are on one classifier, and here two networks play", "Remove it."
        )
    from builder.games.section import Adversarial
    from builder.games.training import Game

    train = spec.train_node
    return replace(
        spec,
        adversarial=reader.component(Adversarial, node, node.place),
        adversarial_node=node,
        game=reader.component(Game, train, train.place) if train is not None else None,
    )


def _networks(node: Node, spec: ModelSpec, report: Report) -> dict[str, ModelSpec]:
    if not isinstance(node, Mapping):
        if not is_hole(node):
            hint = "As in `networks: {generator: {input: [64], layers: […]}}`."
            report.error(node.place, f"expected networks under their names, found {describe(node)}", hint)
        return {}
    if not node.entries:
        report.error(node.place, "expected at least one network, found an empty mapping")
    if len(node.entries) > MOST:
        report.error(node.place, f"expected at most {MOST} networks, found {len(node.entries)}")
        return {}
    networks: dict[str, ModelSpec] = {}
    for key, value in node.entries.items():
        checked_name(key, node.keys[key], report)
        if key in _DICT:
            problem = f"`{key}` is what every `torch.nn.ModuleDict` has already, and a network would hide it"
            report.error(node.keys[key], problem)
        if isinstance(value, Mapping):
            networks[str(key)] = read_network(str(key), value, spec, report)
        elif not is_hole(value):
            hint = "A network is a mapping: `input: [64]`, then `layers:` and a list."
            report.error(value.place, f"expected a network with `layers`, found {describe(value)}", hint)
    return networks


def _attacks(node: Node, reader: Reader) -> dict[str, Attack]:
    from builder.robustness.attacks.attack import attacks

    if not isinstance(node, Mapping):
        if not is_hole(node):
            problem = f"expected attacks under names of your own, found {describe(node)}"
            reader.report.error(node.place, problem, "As in `attacks: {weak: {FGSM: {eps: 8/255}}}`.")
        return {}
    found: dict[str, Attack] = {}
    for key, value in node.entries.items():
        checked_name(key, node.keys[key], reader.report)
        attack = reader.choice(attacks, value)
        if attack is not None:
            found[str(key)] = attack
    return found


@dataclass(frozen=True)
class Several:
    """The networks of one spec as they are written, worked out, and with what became of their items."""

    written: dict[str, ModelSpec]
    networks: dict[str, ModelSpec]
    elaborated: dict[str, Elaborated]
    graph: Graph


def elaborate_all(spec: ModelSpec, classes: int | None, report: Report, limit_bytes: int) -> Several:
    """Works out every network of the spec; together they may take ``limit_bytes`` of memory.

    ``classes`` is how many of them the players are told of; none if they are not, or if that is not known.
    """
    rules = WeightRules(report)
    if spec.init is not None:
        rules.for_types(spec.init, Reader(report, spec.constants, spec.constants_used))
    common = Common(Budget(limit_bytes), rules)
    elaborated: dict[str, Elaborated] = {}
    networks: dict[str, ModelSpec] = {}
    for name in spec.networks:
        elaborator = _elaborator(spec, name, classes, report, common)
        elaborated[name] = elaborator.run()
        networks[name] = replace(elaborator.spec, graph=elaborated[name].graph)
    complete = bool(networks) and not spec.holes and all(one.graph.complete for one in networks.values())
    if not spec.holes:
        report_unused(spec, common.used, report)
    rules.report_unmatched(complete)
    graph = side_by_side(spec.name, {name: one.graph for name, one in networks.items()}, complete)
    return Several(spec.networks, networks, elaborated, graph)


def _elaborator(
    spec: ModelSpec, name: str, classes: int | None, report: Report, common: Common
) -> Elaborator:
    """What works out the network called ``name``: with a label, where `conditional` tells it one."""
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
    """All graphs as one: whatever has a name gets its network's before it (``generator.linear_1``).

    An output is called as its network if that has no other.
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

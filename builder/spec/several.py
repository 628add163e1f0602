"""The networks of one spec as they are written, the two that play against each other, and attacks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from builder.errors import Report
from builder.language.keys import checked_name, is_hole
from builder.language.nodes import Mapping, Node, describe
from builder.reader import Reader
from builder.spec.document import read_network
from builder.spec.written import WrittenSpec

if TYPE_CHECKING:
    from builder.robustness.attacks.attack import Attack

MOST: Final = 16
ALONE: Final = ("input", "inputs", "layers", "outputs")  # what a spec of one network has instead
# What torch.nn.ModuleDict has beside what every module has: a network of this name could not be held by one.
_DICT: Final = frozenset({"clear", "items", "keys", "pop", "update", "values"})


def with_networks(spec: WrittenSpec, root: Mapping, reader: Reader) -> WrittenSpec:
    """The spec with its `networks`, `adversarial` and `attacks`.

    Everything wrong with them goes to the report of ``reader``.
    """
    attacks_node, node, adversarial = root.get("attacks"), root.get("networks"), root.get("adversarial")
    attacks = _attacks(attacks_node, reader) if attacks_node is not None else {}
    if node is None and adversarial is None:
        return replace(spec, attacks=attacks, attacks_node=attacks_node)
    networks = _networks(node, spec, root, reader.report)
    _check_sections(root, reader.report)
    spec = replace(spec, attacks=attacks, attacks_node=attacks_node, networks=networks)
    if adversarial is None:
        return spec
    from builder.games.section import Adversarial
    from builder.games.training import Game

    train = spec.train_node
    return replace(
        spec,
        adversarial=reader.component(Adversarial, adversarial, adversarial.place),
        adversarial_node=adversarial,
        game=reader.component(Game, train, train.place) if train is not None else None,
    )


def _check_sections(root: Mapping, report: Report) -> None:
    """Reports the sections that belong to one network alone."""
    if "adversarial" in root.entries:
        if "attacks" in root.entries:
            problem = "`attacks` are on one classifier, and here two networks play"
            report.error(root.keys["attacks"], problem, "Remove it.")
        return
    for key in ("data", "train", "attacks"):
        if key in root.entries:
            report.error(
                root.keys[key],
                f"`{key}` is for one network, or for two that `adversarial` names",
                "Several networks without `adversarial` are built and exported, not trained.",
            )


def _networks(node: Node | None, spec: WrittenSpec, root: Mapping, report: Report) -> dict[str, WrittenSpec]:
    """The network under each name; a name without a network that can be read is left out (reported)."""
    if node is None:
        problem = "`adversarial` lets two of `networks` play against each other, and there are none"
        hint = "As in `networks: {generator: {input: [64], layers: […]}, discriminator: …}`."
        report.error(root.keys["adversarial"], problem, hint)
        return {}
    for key in ALONE:
        if key in root.entries:
            report.error(
                root.keys[key],
                f"`{key}` stands beside `networks`, and would belong to none of them",
                f"Each network has its own: `networks: {{generator: {{{key}: …}}}}`.",
            )
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
    networks: dict[str, WrittenSpec] = {}
    for name, value in node.entries.items():
        checked_name(name, node.keys[name], report)
        if name in _DICT:
            problem = f"`{name}` is what every `torch.nn.ModuleDict` has already, and a network would hide it"
            report.error(node.keys[name], problem)
        if isinstance(value, Mapping):
            networks[str(name)] = read_network(str(name), value, spec, report)
        elif not is_hole(value):
            hint = "A network is a mapping: `input: [64]`, then `layers:` and a list."
            report.error(value.place, f"expected a network with `layers`, found {describe(value)}", hint)
    return networks


def _attacks(node: Node, reader: Reader) -> dict[str, Attack]:
    """The attack under each name; one that is wrong or a hole is left out."""
    from builder.robustness.attacks.attack import attacks

    if not isinstance(node, Mapping):
        if not is_hole(node):
            problem = f"expected attacks under names of your own, found {describe(node)}"
            reader.report.error(node.place, problem, "As in `attacks: {weak: {FGSM: {eps: 8/255}}}`.")
        return {}
    named: dict[str, Attack] = {}
    for key, value in node.entries.items():
        checked_name(key, node.keys[key], reader.report)
        attack = reader.choice(attacks, value)
        if attack is not None:
            named[str(key)] = attack
    return named

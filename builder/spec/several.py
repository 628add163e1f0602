"""Several networks in one spec as they are written: each under its name, who plays whom, and attacks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from builder.errors import Report
from builder.language.keys import checked_name, is_hole
from builder.language.nodes import Mapping, Node, describe
from builder.reader import Reader
from builder.spec.document import read_network
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

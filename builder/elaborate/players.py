"""Whether two players, their noise and their data fit, as far as it is known before training.

Of two sides that do not fit, the error is reported at the one to change, and names both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from builder.errors import Cause, Place, Report, did_you_mean
from builder.games.section import Adversarial
from builder.language.nodes import Mapping, Node
from builder.layers.shared.activation import Activation
from builder.reader import place_within
from builder.shapes import TensorType
from builder.spec.graph import Graph, GraphLayer
from builder.spec.written import WrittenSpec

if TYPE_CHECKING:
    from builder.data.info import DataInfo
    from builder.elaborate.several import Several

_PROBABILITIES: Final = ((0.0, 1.0), (-math.inf, 0.0))  # and their logarithms
_ARRANGE: Final = ("Flatten", "Unflatten", "Identity")


def conditional_classes(spec: WrittenSpec, info: DataInfo | None, report: Report) -> int | None:
    """The number of classes for `conditional`; None without `conditional`, or where it is not known.

    Data without classes, or with another number of them, is reported. ``info`` is None where the data is missing
    or wrong.
    """
    adversarial, node = spec.adversarial, spec.adversarial_node
    if adversarial is None or adversarial.conditional is None or node is None:
        return None
    problem, written = None, adversarial.conditional.classes
    if spec.data_node is None and written is not None:
        return written
    if spec.data_node is None:
        problem = "`conditional` tells both players the class, and there is no `data` that has any"
    elif info is not None and info.target.steps is not None:
        problem = (
            f"`conditional` tells both players one class of each example, and the data has {info.target}"
        )
    elif info is not None and info.target.classes is None:
        problem = f"`conditional` tells both players the class, and the data has none: its targets are {info.target}"
    if problem is not None:
        report.error(place_within(node, "conditional"), problem, "Leave `conditional` out.")
        return None
    if info is None:
        return written
    classes = info.target.classes
    if written is not None and written != classes:
        report.error(
            place_within(node, "conditional.classes"),
            f"`classes` is written as {written}, and the data has {classes}",
            "Leave it out: it follows from the data.",
        )
    return classes


@dataclass(frozen=True)
class _Player:
    """One of the two players. ``takes`` and ``gives``, input and output, are None where they are not known.

    ``last`` is the layer that computes the values of its output.
    """

    role: str
    name: str
    spec: WrittenSpec
    graph: Graph
    takes: TensorType | None
    gives: TensorType | None
    last: GraphLayer | None

    @property
    def input_place(self) -> Place:
        """Where its input is written."""
        node = self.spec.written("input") or self.spec.written("inputs")
        return node.place if node is not None else self.spec.document.root.place

    @property
    def output_place(self) -> Place:
        """Where its last layer is written."""
        graph = self.graph
        end = graph.by_name.get(next(iter(graph.outputs.values()), ""))
        if end is not None and end.name == "conditional_logits":  # added behind the author's last
            end = graph.by_name.get(end.inputs[0], end)
        return end.place if end is not None else self.spec.document.root.place


def complete_adversarial(spec: WrittenSpec, several: Several) -> Adversarial | None:
    """`adversarial` with the shape of the noise and the number of classes, which follow from the graph and data."""
    adversarial = spec.adversarial
    if adversarial is None or not several.graph.complete:
        return adversarial
    inputs = several.graph_of(adversarial.generator).inputs
    shape = inputs["input"].sized(1)
    update: dict[str, object] = {"noise": adversarial.noise.model_copy(update={"size": shape})}
    if adversarial.conditional is not None:
        classes = inputs["label"].vocabulary
        update["conditional"] = adversarial.conditional.model_copy(update={"classes": classes})
    return adversarial.model_copy(update=update)


def check_players(spec: WrittenSpec, several: Several, info: DataInfo | None, report: Report) -> None:
    """Reports where generator, discriminator, noise, data and measures do not fit each other."""
    adversarial, node = spec.adversarial, spec.adversarial_node
    networks = spec.written("networks")
    if adversarial is None or node is None or not isinstance(networks, Mapping):
        return
    if adversarial.generator == adversarial.discriminator:
        problem = f"`{adversarial.generator}` cannot be the generator and the discriminator at once"
        report.error(place_within(node, "discriminator"), problem)
        return
    generator, discriminator = (
        _player(spec, several, networks, role, name, report)
        for role, name in (("generator", adversarial.generator), ("discriminator", adversarial.discriminator))
    )
    _everyone_plays(spec, networks, adversarial, report)
    _measures(spec, info, report)
    if generator is not None:
        _noise(adversarial, generator, node, report)
    if discriminator is not None:
        _logits(adversarial, discriminator, report)
    if generator is not None and discriminator is not None:
        _examples(generator, discriminator, info, report)


def _player(
    spec: WrittenSpec, several: Several, networks: Mapping, role: str, name: str, report: Report
) -> _Player | None:
    """The network of a role; None where there is no such network, or it cannot play (reported)."""
    node = spec.adversarial_node
    if name not in spec.networks or node is None:
        known = [str(key) for key in networks.entries]
        if name not in known and node is not None:
            place = place_within(node, role)
            hint = did_you_mean(name, known)
            if place == node.place:
                hint = f"Say which network it is: `adversarial: {{{role}: …}}`."
            report.error(place, f"there is no network `{name}` to be the {role}", hint)
        return None
    network, graph = several.networks[name], several.graph_of(name)
    inputs = {key: kind for key, kind in network.inputs.items() if key != "label"}
    player = _Player(
        role,
        name,
        network,
        graph,
        inputs.get("input"),
        next(iter(graph.output_types.values()), None),
        _last(graph),
    )
    for problem, hint, where in _unplayable(player, inputs):
        report.error(where, problem, hint)
        return None
    return player


def _last(graph: Graph) -> GraphLayer | None:
    """The layer that computes the output's values: the layers behind it only reshape them."""
    last = graph.by_name.get(next(iter(graph.outputs.values()), ""))
    while last is not None and last.type in _ARRANGE and last.inputs[0] in graph.by_name:
        last = graph.by_name[last.inputs[0]]
    return last


def _unplayable(player: _Player, inputs: dict[str, TensorType]) -> Iterator[tuple[str, str | None, Place]]:
    """Why a network cannot play: the problem, a hint and the place."""
    spec = player.spec
    if spec.written("inputs") is not None and (list(inputs) != ["input"] or len(inputs) > 1):
        found = " and ".join(f"`{name}`" for name in inputs)
        yield (
            f"the {player.role} takes one `input`, found {found}",
            "As in `input: [64]`.",
            player.input_place,
        )
    takes = player.takes
    if takes is not None and (takes.free or takes.vocabulary is not None):
        problem = f"the {player.role} takes reals of a fixed shape, and its input is {takes}"
        yield problem, None, player.input_place
    if len(player.graph.outputs) > 1 and spec.outputs is not None:
        problem = f"the {player.role} gives one output, found {len(player.graph.outputs)}"
        yield problem, "Leave `outputs` out: the last layer is the output.", spec.outputs[1][1]


def _everyone_plays(spec: WrittenSpec, networks: Mapping, adversarial: Adversarial, report: Report) -> None:
    players = (adversarial.generator, adversarial.discriminator)
    for name, place in networks.keys.items():
        if name not in players and all(player in spec.networks for player in players):
            problem = f"`{name}` plays no part: `{players[0]}` plays against `{players[1]}`"
            report.error(place, problem, "Remove it, or name it in `adversarial`.")


def _noise(adversarial: Adversarial, generator: _Player, node: Node, report: Report) -> None:
    size, takes = adversarial.noise.size, generator.takes
    if size is None or takes is None:
        return
    fits = [(size,), (size, 1, 1)] if isinstance(size, int) else [tuple(size)]
    if takes.shape not in fits:
        noise = TensorType(fits[0])
        report.error(
            place_within(node, "noise.size" if isinstance(_entry(node, "noise"), Mapping) else "noise"),
            f"the noise is {noise}, and `{generator.name}` takes {takes}",
            "Leave `size` out: it follows from the generator's input.",
        )


def _entry(node: Node, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) else None


def _logits(adversarial: Adversarial, discriminator: _Player, report: Report) -> None:
    """Reports a discriminator without one logit for each example, or for each patch of it: N×1, N×1×h×w."""
    gives, last = discriminator.gives, discriminator.last
    if gives is None:
        return
    objective = type(adversarial.objective).__name__
    if (
        gives.free
        or gives.vocabulary is not None
        or gives.shape[:1] != (1,)
        or len(gives.shape) not in (1, 3)
    ):
        report.error(
            discriminator.output_place,
            f"`{discriminator.name}` gives {gives}, and `{objective}` reads one logit of each example: N×1",
            "End with `Linear: 1`; a map of logits, N×1×h×w, is right too.",
        )
    elif last is not None and _between(last) in _PROBABILITIES:
        report.error(
            last.place,
            f"`{discriminator.name}` ends in `{last.type}`, and `{objective}` reads logits, not probabilities",
            f"Leave `{last.type}` out: the objective applies a sigmoid itself where it needs one.",
        )


def _examples(generator: _Player, discriminator: _Player, info: DataInfo | None, report: Report) -> None:
    """Reports unless the generator's output, the discriminator's input and the data are of one shape."""
    made, judged = generator.gives, discriminator.takes
    if info is not None and judged is not None and not judged.takes(info.input):
        report.error(
            discriminator.input_place,
            f"`{discriminator.name}` takes {judged}, and the data gives {info.input}",
            "Change its `input`, or `preprocess` the data (`Resize: [28, 28]`).",
        )
        if made is not None and made != judged and made != info.input:
            problem = f"`{generator.name}` makes {made}, and the data gives {info.input}"
            report.error(generator.output_place, problem)
    elif made is not None and judged is not None and made != judged:
        data = ", as the data gives" if info is not None else ""
        report.error(
            generator.output_place,
            f"`{generator.name}` makes {made}, and `{discriminator.name}` takes {judged}{data}",
            _reshape(made, judged),
        )


def _reshape(made: TensorType, wanted: TensorType) -> str | None:
    if made.size == wanted.size and len(made.shape) == 1:
        return f"End with `Unflatten: {{dim: 1, unflattened_size: {list(wanted.shape)}}}`."
    if made.size == wanted.size and len(wanted.shape) == 1:
        return "End with `Flatten`."
    return None


def _measures(spec: WrittenSpec, info: DataInfo | None, report: Report) -> None:
    """Reports each of `metrics` that is not defined for the data."""
    if spec.game is None or spec.data is None or spec.train_node is None or info is None:
        return
    for index, measure in enumerate(spec.game.metrics):
        try:
            measure.check(spec.data, info, spec.folder)
        except Cause as cause:
            report.error(place_within(spec.train_node, f"metrics.{index}"), cause.problem, cause.hint)


def advise_players(spec: WrittenSpec, several: Several, info: DataInfo | None, report: Report) -> None:
    """Advises on two players without errors: bounded logits, a generator of another range, a missing penalty."""
    adversarial, node = spec.adversarial, spec.adversarial_node
    if adversarial is None or node is None or not several.graph.complete:
        return
    _penalty(adversarial, several.graph_of(adversarial.discriminator), node, report)
    judge = _last(several.graph_of(adversarial.discriminator))
    if judge is not None and (no_logit := _no_logit(*_between(judge))):
        report.advise(
            judge.place,
            f"`{adversarial.discriminator}` ends in `{judge.type}`: it can give no logit {no_logit}",
            f"Leave `{judge.type}` out: a logit may be any number, and 0 says that it cannot tell.",
        )
    last = _last(several.graph_of(adversarial.generator))
    if last is not None and info is not None:
        low, high = _between(last)
        if math.isfinite(high - low) and info.range != (low, high):
            lies = "is not bounded" if info.range is None else "lies in [{:g}, {:g}]".format(*info.range)
            report.advise(
                last.place,
                f"`{last.type}` gives values in [{low:g}, {high:g}], and the data {lies}",
                f"`preprocess: [{{Rescale: [{low:g}, {high:g}]}}]` brings both together."
                if info.range is not None
                else f"Leave `{last.type}` out: the generator could not reach all of it.",
            )


def _between(layer: GraphLayer) -> tuple[float, float]:
    """The bounds of the layer's output; infinite where none are known."""
    return layer.layer.between() if isinstance(layer.layer, Activation) else (-math.inf, math.inf)


def _no_logit(low: float, high: float) -> str:
    """The logits outside ``low`` to ``high``, in words; empty where there is no bound."""
    least, most = (f"{bound:g}".replace("-", "−") for bound in (low, high))
    if math.isfinite(high - low):
        return f"beyond {least} and {most}"
    return f"below {least}" if math.isfinite(low) else f"above {most}" if math.isfinite(high) else ""


def _penalty(adversarial: Adversarial, discriminator: Graph, node: Node, report: Report) -> None:
    """A penalty on each example's gradient needs each example's logit to depend on that example alone."""
    penalty = type(adversarial.penalty).__name__
    layers = discriminator.layers
    for layer in layers:
        if penalty in ("GradientPenalty", "R1") and layer.type.startswith("BatchNorm"):
            report.advise(
                layer.place,
                f"`{penalty}` is about the gradient at each example alone, and with `{layer.type}` it depends "
                "on the whole batch",
                "Use `LayerNorm` or `InstanceNorm2d` in the discriminator (Gulrajani et al., 2017).",
            )
    spectral = any(layer.norm == "spectral" for layer in layers)
    if type(adversarial.objective).__name__ == "Wasserstein" and not (adversarial.penalty or spectral):
        report.advise(
            place_within(node, "objective"),
            "`Wasserstein` measures a distance only while the discriminator's slope is bounded, and nothing bounds it",
            "Add `penalty: {GradientPenalty: {weight: 10}}`, or `norm: spectral` on its layers.",
        )

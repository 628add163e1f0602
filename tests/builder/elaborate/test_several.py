"""Several networks in one spec: what they share, what each has of its own, and how they are shown together."""

from __future__ import annotations

import copy
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import builder
from builder import SpecErrors, loads
from builder.elaborate.resolve import to_yaml

ROOT = Path(builder.__file__).parent
TWO = """\
name: pair
constants: {width: 6}
blocks:
  Step: {parameters: {size: 2}, layers: [{Linear: $size}, ReLU]}
cells:
  Mean2: {states: [h], update: {h: W @ x + h_prev}}
networks:
  maker:
    input: [4]
    layers: [{Step: $width}, {name: end, Linear: 3}]
  reader:
    inputs: {left: [T, 3], right: [3]}
    layers:
      - {from: left, Mean2: {hidden_size: 3, output: last}}
      - {name: both, Add: [mean2_1, right]}
      - Linear: 2
    outputs: [both, linear_1]
init: {Linear.weight: {constant_: 0.5}, Linear.bias: zeros_}
expect: {maker: [3], reader.both: [3]}
"""
PLAYERS = """\
networks:
  generator:
    input: [4]
    layers: [{Linear: 64}, {Unflatten: {dim: 1, unflattened_size: [1, 8, 8]}}, Sigmoid]
  discriminator:
    input: [1, 8, 8]
    layers: [Flatten, {Linear: 1}]
adversarial:
  objective: Hinge
  penalty: R1
  conditional: project
  noise: {distribution: uniform}
  optimizer: {generator: Adam, discriminator: {SGD: {lr: 0.1}}}
data: {source: Digits}
train: {epochs: 3, metrics: [discriminator_accuracy]}
"""


def _problems(text: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        loads(text)
    return [error.problem for error in caught.value.errors]


def test_each_is_a_spec_of_its_own_and_all_are_one_graph() -> None:
    spec = loads(TWO)
    assert list(spec.networks) == ["maker", "reader"]
    maker, reader = spec.networks.values()
    assert (maker.name, maker.graph.parameters, maker.data) == ("maker", 4 * 6 + 6 + 6 * 3 + 3, None)
    assert list(maker.graph.by_name) == ["step_1.linear_1", "step_1.relu_1", "end"]
    assert list(reader.graph.outputs) == ["both", "linear_1"]
    graph = spec.graph
    assert graph.parameters == maker.graph.parameters + reader.graph.parameters
    assert list(graph.state) == [f"{n}.{key}" for n, net in spec.networks.items() for key in net.graph.state]
    assert graph.inputs["reader.left"].shape == ("T", 3)
    assert graph.outputs == {
        "maker": "maker.end",
        "reader.both": "reader.both",
        "reader.linear_1": "reader.linear_1",
    }
    assert graph.by_name["reader.both"].inputs == ("reader.mean2_1", "reader.right")
    assert graph.type_of("maker.step_1").shape == (6,)
    assert graph.complete


def test_the_init_above_speaks_for_all_and_a_networks_own_beats_it() -> None:
    spec = loads(TWO.replace("    outputs:", "    init: {Linear.weight: ones_}\n    outputs:"))
    init = {layer.name: layer.init["weight"] for layer in spec.graph.layers if layer.type == "Linear"}
    assert {name: type(one).__name__ for name, one in init.items()} == {
        "maker.step_1.linear_1": "constant_",
        "maker.end": "constant_",
        "reader.linear_1": "ones_",
    }


def test_only_what_no_network_uses_is_unused() -> None:
    text = TWO.replace("blocks:\n", "blocks:\n  Leap: {layers: [ReLU]}\n")
    text = text.replace("cells:\n", "cells:\n  Sum: {states: [h], update: {h: x + h_prev}}\n")
    assert _problems(text) == ["the block `Leap` is never used", "the cell `Sum` is never used"]
    assert _problems(TWO.replace("{width: 6}", "{width: 6, depth: 2}")) == [
        "the constant `depth` is never read"
    ]
    assert _problems(TWO.replace("{constant_: 0.5}", "zeros_, Conv2d.bias: zeros_")) == [
        "no layer of type `Conv2d` has parameters here"
    ]


def test_together_they_keep_to_the_limits() -> None:
    big = "networks: {" + ", ".join(
        f"n{i}: {{input: [100], layers: [{{Linear: {size}}}]}}"
        for i, size in enumerate((4_000_000, 7_000_000))
    )
    assert loads(big.replace("7000000", "3000000") + "}").graph.parameters > 0
    assert "the parameters up to here take" in _problems(big + "}")[0]
    many = "networks: {" + ", ".join(
        f"n{i}: {{input: [1], layers: [{{repeat: 900, Linear: 1}}]}}" for i in range(16)
    )
    assert _problems(many + "}") == ["the spec expands to more than 10,000 items"] * 5
    names = ", ".join(f"n{i}: {{input: [1], layers: [Tanh]}}" for i in range(17))
    assert _problems(f"networks: {{{names}}}") == ["expected at most 16 networks, found 17"]


@pytest.mark.parametrize("text", [TWO, PLAYERS, PLAYERS.replace("project", "{label: embed, size: 3}")])
def test_resolved_is_what_the_author_wrote_with_every_default(text: str) -> None:
    spec = loads(text)
    written = to_yaml(spec.resolved())
    again = loads(written)
    assert again.resolved() == spec.resolved()
    assert again.graph.state == spec.graph.state
    assert {name: net.graph.outputs for name, net in again.networks.items()} == {
        name: net.graph.outputs for name, net in spec.networks.items()
    }
    assert "label_" not in written


def test_resolved_fills_in_the_noise_and_the_classes() -> None:
    resolved = loads(PLAYERS).resolved()
    assert resolved["adversarial"]["noise"] == {"distribution": "uniform", "size": [4]}  # type: ignore[index]
    assert resolved["adversarial"]["conditional"] == {"label": "project", "size": 16, "classes": 10}  # type: ignore[index]
    assert resolved["train"]["metrics"] == [{"discriminator_accuracy": {}}]  # type: ignore[index]


def test_a_game_is_read_for_train() -> None:
    spec = loads(PLAYERS)
    assert spec.train is None
    assert spec.game is not None and spec.game.epochs == 3
    assert spec.adversarial is not None and spec.adversarial.noise.size == (4,)
    short = loads(PLAYERS[: PLAYERS.index("train:")])
    assert short.game is None


@pytest.mark.parametrize(
    ("sets", "steps", "width"),
    [
        (["adversarial.discriminator_steps=5"], 5, 64),
        (["adversarial.objective=Wasserstein", "adversarial.discriminator_steps=2"], 2, 64),
        (["networks.generator.layers[0].Linear.bias=false"], 1, 64),
    ],
)
def test_single_values_can_be_set(sets: list[str], steps: int, width: int) -> None:
    text = PLAYERS.replace("{Linear: 64}", "{Linear: {out_features: 64}}")
    spec = loads(text, sets=sets)
    assert spec.adversarial is not None and spec.adversarial.discriminator_steps == steps
    assert spec.networks["generator"].graph.by_name["linear_1"].output == (width,)


def test_holes_leave_a_spec_that_is_not_built_yet() -> None:
    for hole in ("{Linear: 64}", "[4]", "project", "Hinge", "Digits"):
        spec = loads(PLAYERS.replace(hole, "???", 1))
        assert len(spec.holes) == 1
        assert not spec.graph.complete
    spec = loads("networks: {a: ???, b: {input: [3], layers: [{Linear: 2}]}}")
    assert spec.networks["b"].graph.complete and not spec.graph.complete
    assert not spec.networks["b"].holes


def test_an_ordinary_spec_pays_nothing_for_this() -> None:
    code = (
        "import sys; from builder import loads; loads('{input: [4], layers: [{Linear: 3}], "
        "train: {loss: MSELoss, optimizer: Adam, epochs: 1}}'); print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = set(re.findall(r"builder\.[\w.]+", found))
    assert "builder.elaborate.elaborate" in ours
    strange = ("elaborate.several", "elaborate.players", "elaborate.conditioning", "elaborate.states", "spec.several",
               "spec.library", "cells.cell", "games.section", "games.training", "robustness.attackable",
               "robustness.attacks.attack", "files.run_folder")  # fmt: skip
    known = {str(path.relative_to(ROOT))[:-3].replace("/", ".") for path in ROOT.rglob("*.py")}
    assert known >= set(strange)
    assert not ours & {f"builder.{name}" for name in strange}
    assert "torch" not in found.split()


_PUT: tuple[Any, ...] = (
    None, 0, -1, [1], [1, 8, 8], {}, [], "x", "Linear", {"a": 1}, True, "embed", "project", "$width", "generator",
    ["Flatten"], {"Linear": 1}, "PLACE",
)  # fmt: skip
_KEYS = (
    "input",
    "layers",
    "inputs",
    "outputs",
    "label",
    "networks",
    "critic",
    "train",
    "from",
    "name",
    "noise",
)


def _paths(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*above, key)
        yield from _paths(value, (*above, key))


def _mistaken(spec: Any, draw: random.Random) -> None:
    """Takes something out of the spec, changes it, or puts something in."""
    *above, last = draw.choice(list(_paths(spec)))
    node = spec
    for key in above:
        node = node[key]
    match draw.randrange(4):
        case 0:
            del node[last]
        case 1 if isinstance(node, dict):
            node[draw.choice(_KEYS)] = copy.deepcopy(draw.choice((*_PUT, node[last])))
        case 1:
            node.insert(last, copy.deepcopy(draw.choice((*_PUT, node[last]))))
        case _:
            node[last] = copy.deepcopy(draw.choice(_PUT))


@pytest.mark.parametrize("how", ["concatenate", "embed", "project"])
def test_whatever_is_wrong_is_said_and_nothing_crashes(how: str) -> None:
    whole = yaml.safe_load(PLAYERS.replace("project", how)) | {
        "constants": {"width": 6},
        "blocks": {"Step": {"layers": [{"Linear": "$width"}]}},
        "init": {"Linear.weight": "zeros_"},
        "expect": {"generator": [1, 8, 8]},
    }
    whole["networks"]["generator"]["layers"].insert(0, "Step")
    loads(to_yaml(whole))
    right = 0
    for seed in range(60):
        draw, wrong = random.Random(seed), copy.deepcopy(whole)
        for _ in range(draw.randint(1, 3)):
            _mistaken(wrong, draw)
        text = to_yaml(wrong).replace("PLACE", "???")
        try:
            spec = loads(text)
        except SpecErrors as errors:
            assert errors.errors
            continue
        right += 1
        assert spec.graph.complete or spec.holes, text
        assert spec.holes or loads(to_yaml(spec.resolved())).resolved() == spec.resolved(), text
    assert 0 < right < 60

"""What is written of several networks: their names, the sections that belong to one alone, and who plays whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import Report
from builder.language.source import read_text
from builder.spec.read import read_spec
from builder.spec.several import _DICT
from builder.spec.written import WrittenSpec

TWO = "networks: {maker: {input: [2], layers: [ReLU]}, judge: {input: [2], layers: [{Linear: 1}]}}\n"
OPTIMIZER = "{generator: Adam, discriminator: Adam}"
PLAYERS = f"{TWO}adversarial: {{generator: maker, discriminator: judge, objective: Hinge, optimizer: {OPTIMIZER}}}\n"
ATTACKS = "attacks: {weak: {FGSM: {eps: 0.1}}}\n"


def read(text: str) -> tuple[WrittenSpec, list[str]]:
    report = Report()
    spec = read_spec(read_text(text, "f"), Path(), report)
    assert spec is not None
    return spec, [error.problem for error in report.errors]


def test_a_network_has_what_is_its_own_and_shares_the_rest() -> None:
    spec, errors = read("constants: {width: 2}\n" + TWO.replace("[2]", "[$width]"))
    assert errors == []
    assert {name: net.inputs["input"].shape for name, net in spec.networks.items()} == {
        "maker": (2,),
        "judge": (2,),
    }
    assert all(net.constants is spec.constants for net in spec.networks.values())
    assert spec.constants_used == {"width"} and spec.inputs == {} and spec.layers == ()


def test_train_of_two_players_is_a_game() -> None:
    spec, errors = read(PLAYERS + "data: {source: Digits}\ntrain: {epochs: 3}\n")
    assert errors == []
    assert spec.train is None and spec.game is not None and spec.game.epochs == 3
    assert spec.adversarial is not None and spec.adversarial.discriminator == "judge"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (TWO + "train: {epochs: 3}\n", ["`train` is for one network, or for two that `adversarial` names"]),
        (TWO + "layers: [ReLU]\n", ["`layers` stands beside `networks`, and would belong to none of them"]),
        (PLAYERS + ATTACKS, ["`attacks` are on one classifier, and here two networks play"]),
        ("networks: [1]\n", ["expected networks under their names, found a list"]),
        ("networks: {a: 3}\n", ["expected a network with `layers`, found 3"]),
    ],
    ids=["train", "layers", "attacks", "a list", "a number"],
)  # fmt: skip
def test_what_belongs_to_one_network_is_refused(text: str, problems: list[str]) -> None:
    assert read(text)[1] == problems


def test_attacks_of_one_network_stand_under_their_names() -> None:
    spec, errors = read("input: [2]\nlayers: [ReLU]\n" + ATTACKS)
    assert errors == [] and list(spec.attacks) == ["weak"] and not spec.networks


def test_the_names_refused_are_those_of_a_module_dict() -> None:
    from torch import nn

    own = {name for name in dir(nn.ModuleDict) if not name.startswith("_")}
    assert own - set(dir(nn.Module)) == set(_DICT)

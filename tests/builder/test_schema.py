"""The JSON Schema says of a spec what we say, as far as a schema can."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from builder.layers.layer import layers
from builder.schema import schema


def test_every_layer_is_in_it() -> None:
    item = schema()["$defs"]["item"]["anyOf"][1]
    assert set(layers) <= set(item["properties"])
    for name in layers:
        assert item["properties"][name]["description"]


_PLAYERS = """networks: {generator: {input: [4], layers: [{Linear: 2}]}, discriminator: {input: [2], layers: [
    {Linear: 1}], expect: {parameters: 3}, init: {Linear.weight: zeros_}}}"""
_GAME = "adversarial: {objective: Hinge, optimizer: {generator: Adam, discriminator: {Adam: {lr: 1/8}}}"


@pytest.mark.parametrize(
    "text",
    [
        "{input: [4], layers: [{Linear: 3}, ReLU, {name: a, from: input, Linear: {out_features: $w}}]}",
        '{input: {shape: [3], vocabulary: 9}, layers: [{Embedding: 4}, "???"]}',
        "{input: [1, 8, 8], layers: [{Conv2d: {out_channels: 4, kernel_size: [3, 3], padding: same}}]}",
        "{input: [4], blocks: {Own: {layers: [ReLU]}}, layers: [{repeat: 2, Own: 3}]}",
        "{input: [4], layers: [{Linear: 3}], train: {loss: MSELoss, optimizer: {Adam: {lr: 1/8}}, epochs: 2}}",
        "{input: [4], layers: [Tanh], train: {loss: MSELoss, optimizer: Adam, epochs: 2, early_stopping: 3}}",
        f"{{{_PLAYERS}}}",
        f"{{{_PLAYERS}, {_GAME}, noise: 4, conditional: embed, penalty: R1}}, train: {{epochs: 3}}}}",
        f"{{{_PLAYERS}, {_GAME}, noise: {{distribution: uniform}}, ema: 0.99}}, train: {{epochs: 3, grid: 4}}}}",
        "{input: [4], layers: [Tanh], attacks: {weak: {FGSM: {eps: 8/255}}, strong: {PGD: 0.1}}}",
    ],
)
def test_right(validator: Any, text: str) -> None:
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "{input: [4]}",
        "{input: [4], layers: []}",
        "{input: [4], layers: [{Linear: {out_featurs: 3}}]}",
        "{input: [4], layers: [{Linear: -3}]}",
        "{input: [4], layers: [{linear: 3}]}",
        "{input: [4], layers: [{Linear: 3}], trian: {}}",
        "{input: [4], layers: [{Linear: 3}], train: {loss: MSELos, optimizer: Adam, epochs: 2}}",
        "{input: [4], layers: [Tanh], train: {loss: MSELoss, optimizer: Adam, epochs: 2, early_stopping: x}}",
        f"{{{_PLAYERS}, input: [4]}}",
        f"{{{_PLAYERS}, {_GAME}}}, train: {{loss: MSELoss, optimizer: Adam, epochs: 3}}}}",
        f"{{{_PLAYERS}, {_GAME}, discriminator_steps: 0}}}}",
        f"{{{_GAME}}}}}",
        "{input: [4], layers: [Tanh], attacks: {weak: FGSN}}",
        "{input: [4], layers: [Tanh], attacks: [FGSM]}",
    ],
)
def test_wrong(validator: Any, text: str) -> None:
    assert not validator.is_valid(yaml.safe_load(text))
